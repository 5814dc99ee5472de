"""Whether maps can be believed: curves of hiding and showing, and of weights drawn anew."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from markupsafe import Markup

from advkit.reports.axes import NARROW
from advkit.reports.explained import Belief, Explained
from advkit.reports.lines import Line, line_chart
from advkit.reports.parts import Cell, Column, Table
from advkit.reports.words import decimal, short


class Chart(NamedTuple):
    """A small chart with a heading."""

    head: str
    drawing: Markup


def belief_table(one: Explained) -> Table:
    """Return one row per method: against chance, against other weights, and the verdict."""
    pointed = any(each.pointing for each in one.beliefs)
    names = ("deletion", "better than chance", "insertion", "better than chance",
             "like its map of other weights", "like edges",
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
        Cell(f"{last:.2f}", last, warning=not each.learnt),
        Cell(f"{each.edges:.2f}", each.edges),
        *([told] if pointed else []),
    ]


def verdict(each: Belief) -> str:
    """Return in words whether a method's maps can be believed here."""
    if not each.learnt:
        return "not to be believed: much the same with weights drawn anew"
    if not each.faithful:
        return "doubtful: no better than a random order on half of the images or more"
    return "sound: marks what the score depends on, and depends on the weights"


def belief_charts(one: Explained) -> list[Chart]:
    """Return a chart of deletion and insertion for each method, then those of the cascade."""
    return [*(_curves(one, each) for each in one.beliefs), *_cascades(one.beliefs)]


def _curves(one: Explained, each: Belief) -> Chart:
    chance = one.chance
    assert chance is not None  # noqa: S101
    lines = [
        Line("hidden first", _over(each.deletion_curve), _band(chance.deletion)),
        Line("shown first", _over(each.insertion_curve), _band(chance.insertion)),
    ]
    name = short(each.label.replace("_", " "))
    desc = (f"mean height of the score: hidden first {decimal(each.deletion)}, shown first "
            f"{decimal(each.insertion)}; shaded: {chance.orders} random orders")  # fmt: skip
    return Chart(name, line_chart(lines, name=f"curves-{each.label}", title=f"Curves of {name}",
                                  desc=desc, across="% of pixels", up=chance.unit,
                                  width=NARROW))  # fmt: skip


def _over(curve: Sequence[float]) -> list[tuple[float, float]]:
    last = len(curve) - 1
    return [(100 * i / last, value) for i, value in enumerate(curve)]


def _band(chance: Mapping[str, Sequence[float]]) -> list[tuple[float, float, float]]:
    last = len(chance["low"]) - 1
    pairs = zip(chance["low"], chance["high"], strict=True)
    return [(100 * i / last, low, high) for i, (low, high) in enumerate(pairs)]


def _cascades(beliefs: Sequence[Belief]) -> list[Chart]:
    charts = []
    for start in range(0, len(beliefs), 3):
        some = beliefs[start : start + 3]
        lines = [Line(short(b.label.replace("_", " "), 14), [(100 * s, v) for s, v in b.cascade])
                 for b in some]  # fmt: skip
        desc = "; ".join(f"{b.label} ends at {b.cascade[-1][1]:.2f}" for b in some)
        head = "Likeness to the trained net's map"
        charts.append(Chart(head, line_chart(
            lines, name=f"cascade-{start}", title=head, desc=desc,
            across="% of weight tensors drawn anew, from the output", up="mean |Spearman|",
            width=NARROW)))  # fmt: skip
    return charts
