"""The data of the linearity page, and helpers for its tables and line charts."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from markupsafe import Markup
from numpy.typing import NDArray

from advkit.reports.axes import NARROW, WIDE
from advkit.reports.cards import Card
from advkit.reports.gallery import Picture
from advkit.reports.images import data_uri, fit, to_bytes, upscale
from advkit.reports.lines import Line, line_chart
from advkit.reports.parts import Cell, Column, Figure, Table
from advkit.reports.words import count, decimal, short

ROOM = 84  # pixels: size of a small image in a strip
CHANGE = "change"


@dataclass(frozen=True)
class Shot:
    """An image: ``pixels`` (H, W, C) in [0, 1], or signed about 0; its group and its captions."""

    group: str
    head: str
    text: str
    detail: str
    signed: bool
    pixels: NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Linearity:
    """A finished study.

    ``tables`` are those of `advkit.benchmarks.linearity`, by name, with its columns; parts that
    were not requested have none. ``about`` describes data, classes, halves and nets.
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
    """A column to show: its name in the data frame, its heading, and the format of values."""

    name: str
    head: str
    text: Callable[[Any], str] = decimal
    numeric: bool = True


def whole(value: Any) -> str:
    """Format a count."""
    return count(int(value))


def words(value: Any) -> str:
    """Format a name."""
    return short(value)


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
    zero: str = "",
    powers: str = "",
) -> Figure:
    """Return a line chart, drawn wide and narrow, as a figure."""

    def draw(width: int) -> Markup:
        return line_chart(lines, name=f"{name}-{width}", title=title, desc=desc, across=across,
                          up=up, width=width, zero=zero, powers=powers)  # fmt: skip

    return Figure(name, draw(WIDE), draw(NARROW), caption, data, reading, limits, command)


def pictures(shots: Sequence[Shot], group: str, most: int = 10) -> list[Picture]:
    """Return the images of a group; templates share one scale, a perturbation has its own."""
    mine = [shot for shot in shots if shot.group == group][:most]
    peak = max((_peak(shot) for shot in mine if shot.signed), default=1.0)
    return [_picture(shot, _peak(shot) if shot.head == CHANGE else peak) for shot in mine]


def _peak(shot: Shot) -> float:
    return float(np.abs(shot.pixels).max()) or 1.0


def _picture(shot: Shot, peak: float) -> Picture:
    levels = to_bytes(0.5 + shot.pixels / (2 * peak) if shot.signed else shot.pixels)
    small = fit(levels)
    height, width = small.shape[:2]
    factor = upscale(height, width, ROOM)
    scale = f"white {decimal(peak)}, black \u2212{decimal(peak)}" if shot.signed else "as it is"
    detail = shot.detail or f"\u00b1{decimal(peak)}"
    alt = ", ".join(filter(None, (shot.head, shot.text, shot.detail, scale)))
    return Picture(data_uri(small), width * factor, height * factor, factor > 1, alt,
                   short(shot.head, 24), short(shot.text, 24), detail)  # fmt: skip
