"""Checks of saliency maps: deletion and insertion curves, and randomised weights."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from markupsafe import Markup

from advkit.reports.axes import NARROW, WIDE
from advkit.reports.explained import Belief, Explained
from advkit.reports.lines import Line, line_chart
from advkit.reports.matrix import heat_map
from advkit.reports.parts import Cell, Column, Figure, Table
from advkit.reports.words import decimal, short


class Chart(NamedTuple):
    """A small chart with a heading."""

    head: str
    drawing: Markup


def belief_table(one: Explained) -> Table:
    """Return one row per method: comparison with chance and random weights, and the verdict."""
    pointed = any(each.pointing for each in one.beliefs)
    names = ("deletion", "better than chance", "insertion", "better than chance",
             "infidelity", "max-sensitivity",
             "similarity with random weights", "similarity to edges",
             *(["pointing"] if pointed else []))  # fmt: skip
    columns = [Column("method"), Column("verdict"), *(Column(name, True) for name in names)]
    rows = [_row(each, pointed) for each in one.beliefs]
    return Table("Whether the maps of each method can be believed", columns, rows)


def _row(each: Belief, pointed: bool) -> list[Cell]:
    last = each.cascade[-1][1]
    hits = each.pointing
    told = Cell(f"{hits[0]} of {hits[1]}", hits[0] / max(hits[1], 1)) if hits else Cell("")
    return [
        Cell(each.label.replace("_", " ")),
        Cell(verdict(each)),
        Cell(decimal(round(each.deletion, 4)), each.deletion),
        Cell(f"{each.beats_deleting} of {each.n}", each.beats_deleting),
        Cell(decimal(round(each.insertion, 4)), each.insertion),
        Cell(f"{each.beats_inserting} of {each.n}", each.beats_inserting),
        *(_number(value) for value in (each.infidelity, each.max_sensitivity)),
        Cell(f"{last:.2f}", last, warning=not each.learnt or each.shallow),
        Cell(f"{each.edges:.2f}", each.edges),
        *([told] if pointed else []),
    ]


def _number(value: float | None) -> Cell:
    return Cell("-") if value is None else Cell(f"{value:.2f}", value)


def verdict(each: Belief) -> str:
    """Return in a word whether a method's maps can be trusted."""
    if not each.learnt:
        return "not learnt"
    if not each.faithful:
        return "doubtful"
    return "shallow" if each.shallow else "sound"


def belief_charts(one: Explained) -> list[Chart]:
    """Return a chart of deletion and insertion for each method."""
    return [_curves(one, each) for each in one.beliefs]


def _curves(one: Explained, each: Belief) -> Chart:
    chance = one.chance
    assert chance is not None  # noqa: S101
    lines = [
        Line("deletion", _over(each.deletion_curve), _band(chance.deletion)),
        Line("insertion", _over(each.insertion_curve), _band(chance.insertion)),
    ]
    name = short(each.label.replace("_", " "))
    desc = (f"mean height of the score: deletion {decimal(each.deletion)}, insertion "
            f"{decimal(each.insertion)}; shaded: {chance.orders} random orders")  # fmt: skip
    return Chart(name, line_chart(lines, name=f"curves-{each.label}", title=f"Curves of {name}",
                                  desc=desc, across="% of pixels", up="score",
                                  width=NARROW))  # fmt: skip


def _over(curve: Sequence[float]) -> list[tuple[float, float]]:
    last = len(curve) - 1
    return [(100 * i / last, value) for i, value in enumerate(curve)]


def _band(chance: Mapping[str, Sequence[float]]) -> list[tuple[float, float, float]]:
    last = len(chance["low"]) - 1
    pairs = zip(chance["low"], chance["high"], strict=True)
    return [(100 * i / last, low, high) for i, (low, high) in enumerate(pairs)]


def cascade_figure(one: Explained) -> Figure:
    """Draw the similarity of maps as weights are randomised, from the output to the input."""
    shares = [f"{100 * share:.0f}%" for share, _ in one.beliefs[0].cascade]
    names = [each.label.replace("_", " ") for each in one.beliefs]
    cells = [[max(value, 0.0) for _, value in each.cascade] for each in one.beliefs]
    title = "Similarity to the trained net's map as weights are randomised"
    desc = "; ".join(
        f"{name} ends at {row[-1]:.2f}" for name, row in zip(names, cells, strict=True)
    )

    def draw(width: int) -> Markup:
        return heat_map(cells, names, shares, name=f"cascade-{width}", title=title, desc=desc,
                        down="method", across="weights randomised, from the output on",
                        text=lambda value: f"{value:.2f}", width=width)  # fmt: skip

    data = Table(title, [Column("method"), *(Column(share, True) for share in shares)],
                 [[Cell(name), *(Cell(f"{value:.3f}", value) for value in row)]
                  for name, row in zip(names, cells, strict=True)])  # fmt: skip
    return Figure(
        "cascade", draw(WIDE), draw(NARROW),
        f"Mean |Spearman| over {one.beliefs[0].n} images; an edge detector, which does not depend "
        "on the net, would stay at 1.",
        data,
        reading="A row that fades: the map depends on what the net has learnt. One that stays dark"
        " would look the same for an untrained net.",
        limits="That a map depends on the weights does not make it right.",
        command=one.command,
    )  # fmt: skip
