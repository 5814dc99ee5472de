"""Lines, points, bins and the matrix: values parsed back from the drawing."""

import re
from collections.abc import Callable
from itertools import combinations
from pathlib import Path

import pytest

from advkit.reports.axes import NARROW, WIDE
from advkit.reports.bars import Part, waterfall
from advkit.reports.bins import counted, histogram
from advkit.reports.lines import Line, line_chart
from advkit.reports.matrix import heat_map
from advkit.reports.points import Group, scatter
from advkit.reports.robustness_curve import Series, accuracy_curve, sparkline
from advkit.reports.svg import text_width
from advkit.reports.top_classes import likeliest
from tests.reports.sample_audit import guesses, wilson
from tests.reports.svg_reading import Node, axis, corners, numbers, of_class, parsed

LABEL_DROP = 4
EDGES = [0, 0.25, 0.5, 0.75, 1.0]
SNAPSHOTS = Path(__file__).parent / "snapshots"
TEXT = {"title": "T", "desc": "D"}


def plain(text: str) -> float | None:
    try:
        return float(text.replace("\u2212", "-"))
    except ValueError:
        return None


def scales(root: Node) -> tuple[Callable[[float], float], Callable[[float], float]]:
    """Return pixel -> value along x and along y; the upright axis is drawn first."""
    upright, level = of_class(root, "axis", "g")
    return axis(level, "x", plain), axis(upright, "y", plain)


def lines(width: int = WIDE) -> str:
    points = [(0.0, -3.0), (50.0, -1.5), (100.0, 1.0)]
    band = [(x, y - 0.5, y + 0.5) for x, y in points]
    two = [Line("a", points, band), Line("b", [(0.0, 0.5), (100.0, -2.5)])]
    return line_chart(two, name="l", across="%", up="m", width=width, zero="over", **TEXT)


def dots(width: int = WIDE) -> str:
    groups = [Group("a", [(0.1, 0.4), (0.2, 0.3)]), Group("b", [(0.4, 0.05)])]
    return scatter(groups, name="s", across="x", up="y", width=width, diagonal=True, **TEXT)


def bins(width: int = WIDE) -> str:
    marks = [(0.25, "eps")]
    return histogram([3, 0, 5, 2], EDGES, name="h", across="d", width=width, marks=marks, **TEXT)


def grid(width: int = WIDE) -> str:
    cells = [[0, 2, 8], [1, 0, 4]]
    names = {"rows": ["cat", "dog"], "columns": ["cat", "dog", "a bird of a long name"]}
    return heat_map(cells, **names, name="m", down="true", across="read as", text=str,
                    width=width, **TEXT)  # fmt: skip


def curve(width: int = WIDE) -> str:
    steps = [(0.0, wilson(90, 100)), (0.1, wilson(60, 100))]
    one = Series("a", steps, steps)
    return accuracy_curve([one], name="c", norm="L2", width=width, **TEXT)


def fall(width: int = WIDE) -> str:
    parts = [Part("wrong", 10, "error"), Part("pgd", 60, "loss"), Part("left", 30, "left")]
    return waterfall(parts, name="w", width=width, **TEXT)


def tops(_width: int = WIDE) -> str:
    before, after = guesses("Coat", "Shirt", 0.9), guesses("Shirt", "Coat", 0.6)
    return likeliest(before, after, "Coat", name="g")


DRAWN = {
    "lines": lines, "points": dots, "bins": bins, "matrix": grid, "curve": curve,
    "waterfall": fall, "guesses": tops,
}  # fmt: skip


@pytest.mark.parametrize("name", DRAWN)
@pytest.mark.parametrize("width", [WIDE, NARROW])
def test_bytes_are_those_that_were_looked_at(name: str, width: int) -> None:
    """A change here is seen: look at the drawing, then replace the file in snapshots/."""
    kept = (SNAPSHOTS / f"{name}-{width}.svg").read_text(encoding="utf-8")
    assert str(DRAWN[name](width)) + "\n" == kept


@pytest.mark.parametrize("name", DRAWN)
def test_every_chart_has_a_name_and_a_description(name: str) -> None:
    root = parsed(DRAWN[name]())
    said = [root.find(f".//*[@id='{ref}']") for ref in root.get("aria-labelledby", "").split()]
    assert root.get("role") == "img"
    assert all(node is not None and node.text for node in said)
    assert "style" not in {key for node in root.iter() for key in node.attrib}


@pytest.mark.parametrize("width", [WIDE, NARROW])
def test_lines_pass_through_their_points_and_the_zero_is_ruled(width: int) -> None:
    root = parsed(lines(width))
    across, up = scales(root)
    first, second = of_class(root, "line", "path")
    seen = [(across(x), up(y + LABEL_DROP)) for x, y in corners(first)]
    assert seen == [pytest.approx(p, abs=0.02) for p in [(0, -3), (50, -1.5), (100, 1)]]
    assert up(corners(second)[1][1] + LABEL_DROP) == pytest.approx(-2.5, abs=0.02)
    (rule,) = of_class(root, "boundary")
    assert up(numbers(rule, "y1")[0] + LABEL_DROP) == pytest.approx(0, abs=0.02)
    (band,) = of_class(root, "band")
    heights = [up(y + LABEL_DROP) for _, y in corners(band)]
    assert (min(heights), max(heights)) == pytest.approx((-3.5, 1.5), abs=0.02)


@pytest.mark.parametrize("bad", [[], [(0.0, float("nan"))], [(float("inf"), 1.0)]])
def test_a_line_that_cannot_be_drawn_is_refused(bad: list[tuple[float, float]]) -> None:
    with pytest.raises(ValueError, match="cannot be drawn"):
        line_chart([Line("loss", bad)], name="l", across="x", up="y", **TEXT)


def test_points_stand_at_their_values_and_the_diagonal_is_one() -> None:
    root = parsed(dots())
    across, up = scales(root)
    circles = [numbers(c, "cx", "cy") for c in of_class(root, "points", "g")[0].iter("circle")]
    seen = [(across(x), up(y + LABEL_DROP)) for x, y in circles]
    assert seen == [pytest.approx(p, abs=2e-3) for p in [(0.1, 0.4), (0.2, 0.3)]]
    (rule,) = of_class(root, "boundary")
    x1, y1, x2, y2 = numbers(rule, "x1", "y1", "x2", "y2")
    assert across(x1) == pytest.approx(up(y1 + LABEL_DROP), abs=2e-3)
    assert across(x2) == pytest.approx(up(y2 + LABEL_DROP), abs=2e-3)
    with pytest.raises(ValueError, match="no point"):
        scatter([], name="s", across="x", up="y", **TEXT)


def test_bars_of_a_histogram_are_as_high_as_their_counts() -> None:
    root = parsed(bins())
    _, up = scales(root)
    heights = [up(numbers(bar, "y")[0] + LABEL_DROP) for bar in of_class(root, "fill-left", "rect")]
    assert heights == pytest.approx([3, 0, 5, 2], abs=0.05)
    assert counted([0, 0.49, 0.5, 1.0, 1.2, -1], 2, 1.0) == [2, 2]
    with pytest.raises(ValueError, match="nothing was counted"):
        histogram([0, 0], [0, 0.5, 1], name="h", across="d", **TEXT)


def test_names_of_marks_that_lie_close_do_not_overprint() -> None:
    marks = [(at, str(at)) for at in (0.05, 0.055, 0.06, 0.1, 0.995)]
    root = parsed(histogram([1], [0, 1], name="h", across="d", marks=marks, **TEXT))
    names = [(*numbers(t, "x", "y"), text_width(t.text or "", 11)) for t in of_class(root, "note")]
    assert len(names) == len(marks)
    assert max(x + wide for x, _, wide in names) <= WIDE
    for (x, y, wide), (other, row, _) in combinations(names, 2):
        assert abs(y - row) >= 11 or other >= x + wide


def test_bars_of_bins_of_unequal_width_stand_between_their_edges() -> None:
    root = parsed(histogram([1, 2], [0, 0.1, 0.4], name="h", across="d", **TEXT))
    across, _ = scales(root)
    left = [across(numbers(bar, "x")[0]) for bar in of_class(root, "fill-left", "rect")]
    assert left == pytest.approx([0, 0.1], abs=1e-3)


def test_cells_are_shaded_by_their_numbers_and_say_them() -> None:
    root = parsed(grid())
    cells = of_class(root, "heat", "rect")
    shades = [cell.get("class", "").split("heat-")[1] for cell in cells]
    assert shades == ["0", "2", "9", "1", "0", "4"]
    assert cells[2][0].text == "cat, a bird of a long name: 8"
    with pytest.raises(ValueError, match="names"):
        heat_map([[1]], ["a", "b"], ["c"], name="m", down="", across="", text=str, **TEXT)


def test_bars_of_guesses_are_as_long_as_their_probabilities() -> None:
    root = parsed(tops())
    tracks = [numbers(r, "width")[0] for r in of_class(root, "track", "rect")]
    bars = [numbers(r, "width")[0] for kind in ("fill-left", "fill-loss")
            for r in of_class(root, kind, "rect")]  # fmt: skip
    assert len(tracks) == len(bars) == 10
    assert max(bars) / tracks[0] == pytest.approx(0.9, abs=0.01)
    assert "Coat (true)" in tops()


def test_a_sparkline_falls_with_the_curve() -> None:
    (line,) = of_class(parsed(sparkline([(0.0, wilson(100, 100)), (0.2, wilson(0, 100))])), "line")
    heights = [y for _, y in corners(line)]
    assert (heights[0], heights[-1]) == (1, 25)


def test_the_name_of_the_rule_keeps_clear_of_the_axis_name() -> None:
    def label_and_rule(points: list[tuple[float, float]]) -> tuple[float, float]:
        chart = line_chart([Line("a", points)], name="a", title="t", desc="d", across="x", up="y",
                           zero="fooled above")  # fmt: skip
        label = re.search(r'y="([\d.]+)"[^>]*>fooled above', chart)
        rule = re.search(r'y1="([\d.]+)"[^>]*class="boundary"', chart)
        assert label
        assert rule
        return float(label[1]), float(rule[1])

    for top in (-1, 0.01, 5):  # where 0 would be the top of the chart, too, and no line comes
        label, rule = label_and_rule([(0, -5), (1, top)])
        assert 12 + 12 < label < rule


def test_a_legend_that_would_run_into_the_name_of_the_axis_stands_above_it() -> None:
    def drawn(names: list[str], up: str) -> str:
        lines = [Line(name, [(0, 0), (1, 1)]) for name in names]
        return line_chart(lines, name="x", title="t", desc="d", across="a", up=up, width=340)

    beside, above = (
        drawn(["one", "two"], "up"),
        drawn(["one", "two"], "a name of an axis " * 2),
    )
    assert "translate" not in beside
    assert 'viewBox="0 0 340 278"' in beside
    assert "translate(0 20)" in above
    assert 'viewBox="0 0 340 298"' in above
    rows = drawn(["a net with a long name", "another with a long name", "third"], "up")
    assert "translate(0 40)" in rows
    assert rows.count('class="legend"') == 2
    for index in range(3):  # every series keeps its own marker and dash
        assert rows.count(f"line series-{index}") == 2
