from dataclasses import replace

import pytest

from advkit.reports.bars import NARROW, WIDE, Bar, Part, stacked, waterfall
from advkit.reports.cascade import attack_names, broken, by_eps, divide, effort
from tests.reports.sample_audit import FOOLED, sample_audit, wilson
from tests.reports.svg_reading import axis, numbers, of_class, parsed, share

PARTS = [
    Part("wrong when clean", 10, "error"),
    Part("pgd", 50, "loss"),
    Part("square", 0, "loss"),
    Part("not fooled", 40, "left"),
]


@pytest.mark.parametrize("eps", FOOLED)
def test_parts_add_up_to_all_images(eps: float) -> None:
    audit = sample_audit()
    parts = divide(audit, eps, dict(audit.robust)[eps])
    assert sum(part.images for part in parts) == 1000
    assert {part.name: part.images for part in parts if part.kind == "loss"} == FOOLED[eps]
    assert (parts[0].images, parts[-1].images) == (131, 869 - sum(FOOLED[eps].values()))


def test_rows_that_claim_too_much_are_refused() -> None:
    audit = sample_audit(eps=(0.1,))
    with pytest.raises(ValueError, match=r"claim 146 images, but 143 were lost"):
        divide(audit, 0.1, wilson(audit.robust[0][1].count + 3, 1000))


@pytest.mark.parametrize("width", [WIDE, NARROW])
def test_waterfall_bars_are_to_scale_and_follow_each_other(width: int) -> None:
    root = parsed(waterfall(PARTS, name="w", title="T", desc="D", width=width))
    to_share = axis(root, "x", share)
    bars = [node for node in root.iter("rect") if node.get("class", "").startswith("fill-")]
    spans = [(to_share(x), to_share(x + w)) for x, w in (numbers(b, "x", "width") for b in bars)]
    assert spans[0] == pytest.approx((0.9, 1.0), abs=1e-3)
    assert spans[1] == pytest.approx((0.4, 0.9), abs=1e-3)
    assert spans[2][0] == pytest.approx(0.4, abs=1e-3)  # nothing added, yet a line to see
    assert spans[3] == pytest.approx((0.0, 0.4), abs=1e-3)
    printed = [text.text for text in of_class(root, "value")]
    assert printed == ["\u221210.0%", "\u221250.0%", "0.0%", "40.0%"]


def test_stacked_bars_are_to_scale_and_told_apart_by_pattern() -> None:
    first = [Part("fgsm", 0, "loss"), *PARTS[:3], PARTS[3]._replace(images=41)]
    parts = [Part("fgsm", 0, "loss"), *PARTS[:2], PARTS[2]._replace(images=1), PARTS[3]]
    root = parsed(stacked([Bar("0", first), Bar("0.1", parts)], name="s", title="T", desc="D"))
    to_share = axis(root, "x", share)
    *_, left = of_class(root, "fill-left", "rect")
    x, width = numbers(left, "x", "width")
    assert (to_share(x), to_share(x + width + 1)) == pytest.approx((0, 40 / 101), abs=1e-3)
    fills = {node.get("fill") for node in root.iter("rect")} - {None}
    assert fills == {"url(#s-0)", "url(#s-1)"}
    (legend,) = of_class(root, "legend")
    named = [text.text for text in legend.iter("text")]
    assert named == ["not fooled", "square", "pgd", "wrong when clean"]  # fgsm took nothing


def test_attacks_are_named_by_what_tells_them_apart() -> None:
    labels = ["apgd:steps=30,loss=ce", "apgd:steps=100,loss=ce", "apgd:steps=100,loss=dlr", "fab"]
    labels += ["my.attacks:pgd:steps=3", "md", "md:steps=9"]
    audit = sample_audit(added={0.1: dict.fromkeys(labels, 1)}, attacks=[])
    assert list(attack_names(audit).values()) == [
        "apgd:steps=30", *labels[1:4], "my.attacks:pgd", "md", "md:steps=9"]  # fmt: skip


def test_figures_carry_their_numbers_as_tables() -> None:
    figure = broken(sample_audit())
    texts = [[cell.text for cell in row] for row in figure.data.rows]
    assert texts[0] == ["wrong when clean", "131", "13.1%"]
    assert ["fgsm", "301", "30.1%"] in texts
    assert texts[-1] == ["not fooled", "163", "16.3%"]
    stacks = by_eps(sample_audit())
    assert stacks.data.rows[-1][0].text == "not fooled"
    assert [column.name for column in stacks.data.columns[1:]] == [f"eps {eps}" for eps in FOOLED]
    images = [[cell.value or 0 for cell in row[1:]] for row in stacks.data.rows]
    assert [sum(column) for column in zip(*images, strict=True)] == [1000] * len(FOOLED)


def test_effort_has_every_run_in_order_with_unique_links() -> None:
    audit = sample_audit()
    table = effort(audit)
    assert len(table.rows) == len(audit.attacks) == len(set(table.ids))
    assert [cell.text for cell in table.rows[2]] == [
        "0.02",
        "pgd",
        "852",
        "2",
        "0.2%",
        "0",
        "40.7",
        "40",
        "9.6",
        "steps=40, step=0.01, restarts=1",
    ]


def test_invalid_examples_and_idle_attacks_are_marked() -> None:
    audit = sample_audit(eps=(0.1,))
    rows = [replace(audit.attacks[0], invalid=3), replace(audit.attacks[1], tried=0, fooled=0)]
    first, second = effort(replace(audit, attacks=rows)).rows
    assert first[5].warning
    assert first[5].text == "! 3"
    assert second[4].text == "\u2013"


def test_options_are_named_only_to_tell_attacks_apart() -> None:
    audit = sample_audit(eps=(0.1,))
    labels = ("noise:draws=2", "pgd:steps=10", "pgd:steps=99")
    rows = [replace(row, attack=label) for row, label in zip(audit.attacks, labels, strict=False)]
    added = {0.1: dict(zip(labels, (6, 100, 40), strict=True))}
    audit = replace(audit, attacks=rows, added=added)
    assert [row[1].text for row in effort(audit).rows] == ["noise", "pgd:steps=10", "pgd:steps=99"]
    parts = divide(audit, *audit.robust[0])
    assert [part.name for part in parts][1:-1] == ["noise", *labels[1:]]


def test_all_bars_have_the_same_parts_in_the_same_order() -> None:
    audit = sample_audit()
    fewer = {name: images for name, images in FOOLED[0.2].items() if name != "pgd"}
    fewer["fgsm"] += FOOLED[0.2]["pgd"]
    bars = by_eps(replace(audit, added={**audit.added, 0.2: fewer})).data
    names = [row[0].text for row in bars.rows]
    assert names == ["wrong when clean", *FOOLED[0.1], "not fooled"]
