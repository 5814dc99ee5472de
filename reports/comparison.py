"""The page of a comparison: two audits of the same images."""

import math
from typing import Any

from markupsafe import Markup

from advkit.reports.axes import NARROW, WIDE
from advkit.reports.comparison_tables import Comparison
from advkit.reports.page import facts_of, tile
from advkit.reports.parts import Cell, Column, Fact, Figure, Section, Table
from advkit.reports.points import Group, scatter
from advkit.reports.robustness_curve import Series, accuracy_curve
from advkit.reports.shell import render
from advkit.reports.tables import Interval
from advkit.reports.words import count, decimal, eps_both, eps_text, percent, probability, short

MAX_ROWS = 500
MAX_POINTS = 2000


def comparison_page(both: Comparison) -> str:
    """Return the page of two audits as a self-contained HTML file."""
    return render(
        "comparison.html",
        title=f"{short(both.a.name, 40)} and {short(both.b.name, 40)}",
        kind="comparison",
        sections=[
            Section("result", "Result", "Result"),
            Section("splits", "Which images survive where", "Pairs"),
            Section("images", "Images on which they differ", "Images"),
            Section("limits", "What this does not show", "Limits"),
            Section("reproduce", "Run it again", "Run again"),
        ],
        both=both,
        tiles=_tiles(both),
        setting=_setting(both),
        curve=_curve(both),
        splits=_splits(both),
        points=_points(both),
        images=_images(both),
        facts={"a": facts_of(both.a.run), "b": facts_of(both.b.run), "data": facts_of(both.data)},
    )


def _tiles(both: Comparison) -> list[Any]:
    last = both.splits[-1]
    at = eps_text(last.eps, both.norm)
    return [
        tile("A, clean", both.a.clean, True),
        tile("B, clean", both.b.clean, True),
        tile(f"A, eps {at}", last.a, False),
        tile(f"B, eps {at}", last.b, False),
    ]


def _setting(both: Comparison) -> list[Fact]:
    return [
        Fact("A", short(both.a.name)),
        Fact("B", short(both.b.name)),
        Fact("norm", both.norm),
        Fact("eps", ", ".join(eps_both(split.eps, both.norm) for split in both.splits)),
        Fact("images", f"{count(both.a.clean.n)} in both audits"),
    ]


def _curve(both: Comparison) -> Figure:
    def marked(name: str) -> list[tuple[float, Interval]]:
        return [(split.eps, getattr(split, name)) for split in both.splits]

    series = [Series("A", both.a.curve, marked("a")), Series("B", both.b.curve, marked("b"))]
    title = f"Robust accuracy of both over {both.norm} eps"
    desc = "; ".join(
        f"at eps {eps_text(split.eps, both.norm)}: A {percent(split.a.value)},"
        f" B {percent(split.b.value)}"
        for split in both.splits
    )

    def draw(width: int) -> Markup:
        name = f"curve-{width}"
        return accuracy_curve(
            series, name=name, norm=both.norm, title=title, desc=desc, width=width
        )

    return Figure(
        "curve", draw(WIDE), draw(NARROW),
        "Share of the images that no attack could get misclassified, for every eps. Dots and"
        " squares: the eps at which attacks ran. Bands and bars: 95% Wilson intervals.",
        _splits(both)._replace(caption=title),
        reading="The higher line is the more robust model. Overlapping bands do not mean that the"
        " difference is chance: the images are the same, so look at the pairs below.",
        limits="Both lines are upper bounds. A model against which the attacks work poorly looks"
        " better than it is.",
        command=both.command,
    )  # fmt: skip


def _splits(both: Comparison) -> Table:
    columns = [Column(name, True) for name in ("eps", "A", "B", "both survive", "only A", "only B",
                                               "neither", "p (McNemar)")]  # fmt: skip
    rows = [
        [
            Cell(eps_text(split.eps, both.norm), split.eps),
            Cell(percent(split.a.value), split.a.value),
            Cell(percent(split.b.value), split.b.value),
            *(Cell(count(n), n) for n in (split.both, split.only_a, split.only_b, split.neither)),
            Cell(probability(split.p), split.p),
        ]
        for split in both.splits
    ]
    return Table("Which images survive where, at every eps that both audits have", columns, rows)


def _points(both: Comparison) -> Figure | None:
    """Draw the distance of the smallest example of every image in A against that in B."""
    found = [row for row in both.distances if math.isfinite(row[2]) and math.isfinite(row[3])]
    finite = [row for row in found if row[2] != row[3]]  # equal: both misclassify it when clean
    kept = finite[:: -(-len(finite) // MAX_POINTS) or 1]
    if not kept:
        return None
    groups = [Group("A nearer", [(a, b) for *_, a, b in kept if a < b]),
              Group("B nearer", [(a, b) for *_, a, b in kept if a > b])]  # fmt: skip
    title = f"Smallest {both.norm} example of every image, A against B"
    desc = "; ".join(f"{group.name}: {count(len(group.points))} images" for group in groups)

    def draw(width: int) -> Markup:
        return scatter(groups, name=f"distances-{width}", title=title, desc=desc, width=width,
                       across="distance in A", up="distance in B",
                       diagonal=True)  # fmt: skip

    some = "" if len(kept) == len(finite) else f" ({count(len(kept))} of these are drawn)"
    rows = [[Cell(group.name), Cell(count(len(group.points)))] for group in groups]
    return Figure(
        "distances", draw(WIDE), draw(NARROW),
        f"One mark for each of the {count(len(finite))} images for which both audits found an"
        f" example{some}, at unequal {both.norm} distances; 0: misclassified when clean.",
        Table(title, [Column("group"), Column("images", True)], rows),
        reading="Marks above the line need a larger perturbation in B than in A: there B is the"
        " more robust of the two.",
        limits="Distances are to the nearest example found, not to the nearest that exists.",
        command=both.command,
    )  # fmt: skip


def _images(both: Comparison) -> Table:
    """Return the images that survive the largest eps in one audit only."""
    eps = both.splits[-1].eps
    differ = [row for row in both.distances if (row[2] > eps) != (row[3] > eps)]
    differ.sort(key=lambda row: -abs(min(row[2], 1e9) - min(row[3], 1e9)))
    shown = differ[:MAX_ROWS]
    rows = [
        [Cell(short(name)), Cell(short(label)), _distance(a), _distance(b),
         Cell("A" if a > eps else "B")]
        for name, label, a, b in shown
    ]  # fmt: skip
    columns = [Column("image"), Column("class"), Column("distance in A", True),
               Column("distance in B", True), Column("survives in")]  # fmt: skip
    part = "" if len(shown) == len(differ) else f" (the first {len(shown)} of {len(differ)})"
    at = f"{both.norm} eps {eps_text(eps, both.norm)}"
    return Table(f"Images on which A and B differ at {at}{part}", columns, rows)


def _distance(size: float) -> Cell:
    return Cell(decimal(size) if math.isfinite(size) else "none found", min(size, 1e9))
