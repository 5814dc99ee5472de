"""What the page of linearity is drawn from, and how its tables and line charts are made."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from markupsafe import Markup
from numpy.typing import NDArray

from advkit.reports.axes import NARROW, WIDE
from advkit.reports.gallery import Picture
from advkit.reports.images import data_uri, fit, gain_for, perturbation, to_bytes, upscale
from advkit.reports.lines import Line, line_chart
from advkit.reports.parts import Cell, Column, Figure, Table
from advkit.reports.tables import Card
from advkit.reports.words import count, decimal, short

ROOM = 84


@dataclass(frozen=True)
class Shot:
    """A picture: ``pixels`` (H, W, C) in [0, 1], or signed about 0; its group and its words."""

    group: str
    head: str
    text: str
    detail: str
    signed: bool
    pixels: NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Linearity:
    """A finished study.

    ``tables`` are those of `advkit.benchmarks.linearity`, by name, with its columns; a part that
    was not asked for has none. ``about`` says of which data, classes, halves and nets it is.
    """

    about: Mapping[str, Any]
    tables: Mapping[str, pd.DataFrame]
    cards: Mapping[str, Sequence[Card]]
    shots: Sequence[Shot]
    notes: Sequence[str]
    command: str
    environment: Mapping[str, str]
    started: str


class Of(NamedTuple):
    """A column to show: its name in the data frame, its heading, and how a value is written."""

    name: str
    head: str
    text: Callable[[Any], str] = decimal
    numeric: bool = True


def whole(value: Any) -> str:
    """Write a count."""
    return count(int(value))


def words(value: Any) -> str:
    """Write a name."""
    return short(value)


def share(value: Any) -> str:
    """Write a share or a probability as percent, with a digit more near its ends."""
    return f"{100 * value:.1f}%" if 0.001 <= value <= 0.9995 or value in (0, 1) else f"{value:.2%}"


def table_of(frame: pd.DataFrame, caption: str, columns: Sequence[Of]) -> Table:
    """Return the ``columns`` of a data frame as a table."""
    rows = [[_cell(row[of.name], of) for of in columns] for row in frame.to_dict("records")]
    return Table(caption, [Column(of.head, of.numeric) for of in columns], rows)


def _cell(value: Any, of: Of) -> Cell:
    if not of.numeric:
        return Cell(of.text(value))
    finite = bool(np.isfinite(value))
    return Cell(of.text(value) if finite else "none", float(value) if finite else 1e300)


def lines_figure(
    lines: Sequence[Line],
    *,
    name: str,
    title: str,
    desc: str,
    caption: str,
    across: str,
    up: str,
    data: Table,
    reading: str,
    limits: str,
    command: str,
    **look: str,
) -> Figure:
    """Return a line chart, drawn wide and narrow, as a figure."""

    def draw(width: int) -> Markup:
        return line_chart(lines, name=f"{name}-{width}", title=title, desc=desc, across=across,
                          up=up, width=width, **look)  # fmt: skip

    return Figure(name, draw(WIDE), draw(NARROW), caption, data, reading, limits, command)


def pictures(shots: Sequence[Shot], group: str, most: int = 10) -> list[Picture]:
    """Return the pictures of a group; signed ones about mid-grey, all at one gain."""
    mine = [shot for shot in shots if shot.group == group][:most]
    return [_picture(shot, _gain(mine, shot)) for shot in mine]


def _gain(shots: Sequence[Shot], shot: Shot) -> float:
    """Return one gain for all templates of a group; a change has its own."""
    alike = [one for one in shots if one.signed and one.head != "change"]
    peak = [shot] if shot.head == "change" or not alike else alike
    return min(gain_for(one.pixels) for one in peak) if shot.signed else 1.0


def _picture(shot: Shot, gain: float) -> Picture:
    levels = perturbation(shot.pixels, gain) if shot.signed else to_bytes(shot.pixels)
    small = fit(levels)
    factor = upscale(small.shape[0], small.shape[1], ROOM)
    said = f"times {decimal(gain)}, mid-grey is 0" if shot.signed else "as it is"
    alt = f"{shot.head}, {shot.text} {shot.detail}: {said}".replace(" :", ":")
    detail = shot.detail or f"\u00d7{decimal(gain)}"
    return Picture(data_uri(small), small.shape[1] * factor, small.shape[0] * factor, factor > 1,
                   alt, short(shot.head, 24), short(shot.text, 24), detail)  # fmt: skip
