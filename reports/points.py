"""Scatter plots of groups of points."""

from collections.abc import Sequence
from typing import NamedTuple

from markupsafe import Markup

from advkit.reports.axes import (
    BOTTOM,
    LEFT,
    NARROW,
    RIGHT,
    TOP,
    WIDE,
    Axis,
    Frame,
    frame_of,
    keyed,
    level,
    marker,
    numbers,
    upright,
)
from advkit.reports.svg import drawing, element


class Group(NamedTuple):
    """Points of one kind, drawn with one marker."""

    name: str
    points: Sequence[tuple[float, float]]


def scatter(
    groups: Sequence[Group],
    *,
    name: str,
    title: str,
    desc: str,
    across: str,
    up: str,
    width: int = WIDE,
    diagonal: bool = False,
) -> Markup:
    """Draw groups of points; with ``diagonal`` both axes have one scale, and y = x is drawn.

    Raises ValueError if there is no point.
    """
    points = [point for group in groups for point in group.points]
    if not points:
        raise ValueError(f"{title}: there is no point to draw")
    xs, ys = [x for x, _ in points], [y for _, y in points]
    extents = ((min(0.0, *xs), max(xs)), (min(0.0, *ys), max(ys)))
    if diagonal:
        both = (min(e[0] for e in extents), max(e[1] for e in extents))
        extents = (both, both)
    wide = width > NARROW
    frame = frame_of(*extents, width, _height(width, diagonal))
    parts = [
        upright(frame, Axis(up, numbers(*extents[1], 5))),
        level(frame, Axis(across, numbers(*extents[0], 6 if wide else 4))),
        *([_diagonal(frame, extents[0])] if diagonal else []),
        *(_group(frame, group, index) for index, group in enumerate(groups)),
    ]
    drawn, height = keyed(frame, parts, [group.name for group in groups], up, lines=False)
    return drawing(name, title, desc, width, height, *drawn)


def _height(width: int, square: bool) -> int:
    if not square:
        return 330 if width > NARROW else 280
    return min(width, 440) - LEFT - RIGHT + TOP + BOTTOM


def _diagonal(frame: Frame, extent: tuple[float, float]) -> Markup:
    low, high = extent
    ends = {"x1": frame.x(low), "y1": frame.y(low), "x2": frame.x(high), "y2": frame.y(high)}
    return element("line", **ends, class_="boundary")


def _group(frame: Frame, group: Group, index: int) -> Markup:
    marks = [marker(index, frame.x(x), frame.y(y)) for x, y in group.points]
    return element("g", *marks, class_=f"marks points series-{index}")
