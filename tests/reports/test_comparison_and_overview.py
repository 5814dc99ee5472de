"""Pages of several runs: numbers, runs that cannot be ranked, and escaping of names."""

from dataclasses import replace
from math import inf
from typing import Any

from advkit.reports import comparison_page, overview_page
from advkit.reports.comparison_tables import Comparison, Side, Split
from advkit.reports.overview import Entry
from tests.reports.sample_audit import sample_audit, wilson

HOSTILE = "</title><script>alert(1)</script><img src=x onerror=alert(1)>\u202e"


def comparison(**changes: Any) -> Comparison:
    """Return a made-up comparison of 100 images at two eps."""

    def side(name: str, clean: int, last: int) -> Side:
        curve = [(0.0, wilson(clean, 100)), (0.05, wilson(60, 100)), (0.1, wilson(last, 100))]
        run = {"model": f"bundled:{name}", "suite": "standard"}
        return Side(name, curve, wilson(clean, 100), {"name": name}, run, f"advkit audit {name}")

    distances = [(f"test/{i}", "Coat", 0.09 + i / 1000, 0.06 + i / 400) for i in range(98)]
    distances += [("test/98", "Bag", inf, 0.03), ("test/99", "Bag", 0.03, inf)]
    both = Comparison(
        verdict="A is the more robust.",
        norm="Linf",
        a=side("one", 90, 40),
        b=side("two", 95, 20),
        splits=[
            Split(0.05, wilson(60, 100), wilson(60, 100), 58, 2, 2, 38, 1.0),
            Split(0.1, wilson(40, 100), wilson(20, 100), 15, 25, 5, 55, 0.00033),
        ],
        distances=distances,
        data={"name": "fashion-mnist"},
        notes=[],
        command="advkit compare runs/one runs/two",
    )
    return replace(both, **changes)


def entry(model: str, robust: int, **changes: Any) -> Entry:
    one = Entry(
        model=model, data="bundled:fashion-mnist", images="abc", norm="Linf", eps=0.1,
        clean=wilson(90, 100), robust=wilson(robust, 100),
        curve=[(0.0, wilson(90, 100)), (0.1, wilson(robust, 100))], suite="standard",
        finished="2026-11-25T12:00:00+00:00", folder=f"runs/{model}", link=f"{model}/report.html",
    )  # fmt: skip
    return replace(one, **changes)


def test_a_comparison_has_its_pairs_and_both_commands() -> None:
    page = comparison_page(comparison())
    commands = ("advkit audit one", "advkit audit two", "advkit compare runs/one runs/two")
    numbers = ("40.0%", "20.0%", ">25<", ">5<", "0.00033", "none found")
    for text in ("A is the more robust.", *numbers, *commands):
        assert text in page, text
    assert "Not like with like" not in page
    assert "Not like with like" in comparison_page(comparison(notes=["their images differ"]))


def test_only_images_that_stand_in_one_are_listed() -> None:
    page = comparison_page(comparison())
    images = page[page.index('aria-labelledby="images"') : page.index('aria-labelledby="limits"')]
    listed = [f"test/{i}<" in images for i in range(100)]
    expected = [(a > 0.1) != (b > 0.1) for *_, a, b in comparison().distances]
    assert listed == expected
    assert sum(expected) > 2


def test_a_comparison_without_a_point_to_draw_has_none() -> None:
    page = comparison_page(comparison(distances=[("a", "b", inf, inf)]))
    assert 'id="distances"' not in page
    assert "There are none at the largest eps." in page


def test_an_overview_ranks_what_is_alike_and_nothing_else() -> None:
    others = [entry("quick", 70, suite="quick"), entry("l2", 80, norm="L2"),
              entry("others", 75, images="xyz")]  # fmt: skip
    page = overview_page([entry("worse", 30), entry("better", 60), *others], "runs", [])
    assert page.count("<table") == 4
    first = page[page.index("<tbody>") : page.index("</tbody>")]
    assert first.index("better") < first.index("worse")
    assert '<a href="better/report.html">better</a>' in first
    assert not any(name in first for name in ("quick", "l2", "others"))


def test_an_overview_says_what_was_passed_over() -> None:
    page = overview_page([entry("a", 30, link="")], "runs", ["runs/b has not ended"])
    assert "Passed over" in page
    assert "runs/b has not ended" in page
    assert "<a href=" not in page[page.index("<tbody>") : page.index("</tbody>")]


def test_hostile_names_are_text() -> None:
    side = replace(comparison().a, name=HOSTILE, command=HOSTILE, run={HOSTILE: HOSTILE})
    pages = [
        comparison_page(comparison(verdict=HOSTILE, a=side, notes=[HOSTILE], command=HOSTILE)),
        overview_page([entry(HOSTILE, 30, data=HOSTILE, folder=HOSTILE)], HOSTILE, [HOSTILE]),
    ]
    for page in pages:
        assert "<script>alert" not in page
        assert "<img src=x" not in page
        assert "\u202e" not in page
        assert "&lt;script&gt;alert(1)" in page


def test_pages_are_the_same_bytes_again_and_share_style_and_script() -> None:
    from advkit.reports import audit_page

    assert comparison_page(comparison()) == comparison_page(comparison())
    pages = [comparison_page(comparison()), overview_page([entry("a", 30)], "runs", []),
             audit_page(sample_audit(), [])]  # fmt: skip
    for part in ("style", "script"):
        found = {page[page.index(f"<{part}>") : page.index(f"</{part}>")] for page in pages}
        assert len(found) == 1
