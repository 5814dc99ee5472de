"""Accuracy over eps as a step curve with its band, and the small bar that shows one interval."""

from collections.abc import Sequence
from typing import NamedTuple

from markupsafe import Markup

from advkit.reports.svg import (
    Scale,
    drawing,
    element,
    linear,
    number,
    text_width,
    ticks,
    whole_ticks,
)
from advkit.reports.tables import Interval
from advkit.reports.words import decimal, in_255, percent

WIDE, NARROW = 680, 340
LEFT, RIGHT, TOP, BOTTOM = 46, 14, 26, 46
# Series are told apart by dash and by marker as well as by hue (class series-0, series-1, ...).
DASHES = (None, "7 4", "2 3", "9 3 2 3")
MARKERS = ("circle", "square", "diamond", "triangle")


class Series(NamedTuple):
    """A right-continuous step function of eps, and the eps at which it was asked for (marked)."""

    name: str
    curve: Sequence[tuple[float, Interval]]
    marked: Sequence[tuple[float, Interval]]


class Frame(NamedTuple):
    """The plotting area: two scales and the extent of the drawing, in pixels."""

    x: Scale
    y: Scale
    width: float
    height: float
    high: float


def accuracy_curve(
    series: Sequence[Series], *, name: str, norm: str, title: str, desc: str, width: int = WIDE
) -> Markup:
    """Draw accuracy (0 to 100%) over eps for each series; ``name`` makes the ids unique."""
    asked = [eps for one in series for eps, _ in one.marked]
    # An audit at eps 0 alone still needs an axis.
    high = max(eps for one in series for eps, _ in (*one.curve, *one.marked)) or 1.0
    height = 330 if width > NARROW else 280
    frame = Frame(
        linear(0, high * (1.09 if width > NARROW else 1.16), LEFT, width - RIGHT),
        linear(0, 1, height - BOTTOM, TOP),
        width,
        height,
        high,
    )
    fractions = all(in_255(eps, norm) for eps in asked if eps > 0)
    parts = [_grid(frame), _eps_axis(frame, norm, fractions)]
    for index, one in enumerate(series):
        parts += [_band(frame, one, index), _line(frame, one, index)]
    parts += [_marks(frame, one, index) for index, one in enumerate(series)]
    if len(series) > 1:
        parts.append(_legend(frame, [one.name for one in series]))
    return drawing(name, title, desc, width, height, *parts)


def _grid(frame: Frame) -> Markup:
    """Draw the horizontal rules with their percentages, and the y axis' name above them."""
    parts = [element("text", "accuracy", x=LEFT, y=12, class_="axis-name")]
    for share in (0, 0.25, 0.5, 0.75, 1):
        y = frame.y(share)
        parts += [
            element("line", x1=LEFT, x2=frame.width - RIGHT, y1=y, y2=y, class_="rule"),
            element("text", f"{100 * share:.0f}%", x=LEFT - 8, y=y + 4, text_anchor="end"),
        ]
    return element("g", *parts, class_="axis")


def _eps_axis(frame: Frame, norm: str, fractions: bool) -> Markup:
    """Draw the ticks of eps, in 1/255 where every audited eps is such a fraction."""
    most = 6 if frame.width > NARROW else 4
    scale = 255 if fractions else 1
    values = (whole_ticks if fractions else ticks)(frame.high * scale, most)
    low = frame.y(0)
    unit = f"eps ({norm}, image values from 0 to 1)"
    parts = [
        element(
            "text", unit, x=frame.width - RIGHT, y=low + 40, text_anchor="end", class_="axis-name"
        )
    ]
    for value in values:
        x = frame.x(value / scale)
        label = f"{value:.0f}/255" if fractions and value else decimal(value)
        parts += [
            element("line", x1=x, x2=x, y1=low, y2=low + 5, class_="tick"),
            element("text", label, x=x, y=low + 19, text_anchor="middle"),
        ]
    return element("g", *parts, class_="axis")


def _steps(points: Sequence[tuple[float, float]], end: float) -> list[tuple[str, str]]:
    """Return the corners of the step function through ``points``, carried on to x = ``end``."""
    corners: list[tuple[str, str]] = []
    for x, y in points:
        if corners:
            corners.append((number(x), corners[-1][1]))
        corners.append((number(x), number(y)))
    corners.append((number(end), corners[-1][1]))
    return list(dict.fromkeys(corners))


def _path(corners: Sequence[tuple[str, str]]) -> str:
    return "M" + "L".join(f"{x} {y}" for x, y in corners)


def _corners(frame: Frame, one: Series, bound: str) -> list[tuple[str, str]]:
    points = [(frame.x(eps), frame.y(getattr(at, bound))) for eps, at in one.curve]
    end = max(eps for eps, _ in (*one.curve, *one.marked))
    return _steps(points, frame.x(end))


def _band(frame: Frame, one: Series, index: int) -> Markup:
    outline = _corners(frame, one, "high") + _corners(frame, one, "low")[::-1]
    return element("path", d=_path(outline) + "Z", class_=f"band series-{index}")


def _line(frame: Frame, one: Series, index: int) -> Markup:
    path = _path(_corners(frame, one, "value"))
    dash = DASHES[index % len(DASHES)]
    return element("path", d=path, stroke_dasharray=dash, class_=f"line series-{index}")


def _marks(frame: Frame, one: Series, index: int) -> Markup:
    """Draw the marked points with their intervals, and their values where there is room."""
    parts: list[str] = []
    free_from = 0.0
    for eps, at in one.marked:
        x, y = frame.x(eps), frame.y(at.value)
        parts += [
            element("line", x1=x, x2=x, y1=frame.y(at.low), y2=frame.y(at.high), class_="whisker"),
            marker(index, x, y),
        ]
        label = percent(at.value)
        if index == 0 and x >= free_from:
            parts.append(element("text", label, x=x + 7, y=y - 8, class_="value"))
            free_from = x + text_width(label) + 8
    return element("g", *parts, class_=f"marks series-{index}")


def marker(index: int, x: float, y: float) -> Markup:
    """Return the marker of series ``index`` with its centre at (x, y)."""
    shape = MARKERS[index % len(MARKERS)]
    if shape == "circle":
        return element("circle", cx=x, cy=y, r=4.5)
    if shape == "square":
        return element("rect", x=x - 4, y=y - 4, width=8, height=8)
    corners = {
        "diamond": ((0, -6), (6, 0), (0, 6), (-6, 0)),
        "triangle": ((0, -6), (5.5, 4), (-5.5, 4)),
    }[shape]
    return element(
        "polygon", points=" ".join(f"{number(x + dx)},{number(y + dy)}" for dx, dy in corners)
    )


def _legend(frame: Frame, names: Sequence[str]) -> Markup:
    parts: list[str] = []
    x = frame.width - RIGHT - sum(text_width(name) + 44 for name in names)
    for index, name in enumerate(names):
        line = element(
            "line",
            x1=x,
            x2=x + 26,
            y1=8,
            y2=8,
            stroke_dasharray=DASHES[index % len(DASHES)],
            class_=f"line series-{index}",
        )
        mark = element("g", marker(index, x + 13, 8), class_=f"marks series-{index}")
        parts += [line, mark, element("text", name, x=x + 31, y=12)]
        x += text_width(name) + 44
    return element("g", *parts, class_="legend")


def interval_bar(interval: Interval) -> Markup:
    """Draw one interval on a bar from 0 to 1: decoration, hidden from screen readers."""
    x = linear(0, 1, 0, 120)
    width = max(x(interval.high) - x(interval.low), 1)
    return element(
        "svg",
        element("rect", x=0, y=3, width=120, height=4, rx=2, class_="track"),
        element("rect", x=x(interval.low), y=1, width=width, height=8, rx=2, class_="extent"),
        element("rect", x=min(x(interval.value), 118), y=0, width=2, height=10, class_="at"),
        viewBox="0 0 120 10",
        aria_hidden="true",
        class_="interval",
    )
