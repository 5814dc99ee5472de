"""Accuracy over eps as a step curve with its band; interval bars; sparklines."""

import math
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
    dash,
    height_of,
    legend,
    level,
    marker,
    shares,
    upright,
)
from advkit.reports.svg import (
    drawing,
    element,
    linear,
    number,
    path,
    text_width,
    ticks,
    whole_ticks,
)
from advkit.reports.tables import Interval
from advkit.reports.words import decimal, in_255, percent

UP = "accuracy"


class Series(NamedTuple):
    """A right-continuous step function of eps, and the audited eps (marked)."""

    name: str
    curve: Sequence[tuple[float, Interval]]
    marked: Sequence[tuple[float, Interval]]


def accuracy_curve(
    series: Sequence[Series], *, name: str, norm: str, title: str, desc: str, width: int = WIDE
) -> Markup:
    """Draw accuracy (0 to 100%) over eps for each series; ``name`` makes the ids unique."""
    asked = [eps for one in series for eps, _ in one.marked]
    # An audit at eps 0 alone still needs an axis.
    high = max(eps for one in series for eps, _ in (*one.curve, *one.marked)) or 1.0
    height = height_of(width)
    frame = Frame(
        linear(0, high * (1.09 if width > NARROW else 1.16), LEFT, width - RIGHT),
        linear(0, 1, height - BOTTOM, TOP),
        width,
        height,
    )
    fractions = all(in_255(eps, norm) for eps in asked if eps > 0)
    unit = f"eps ({norm}, image values from 0 to 1)"
    across = Axis(unit, _eps_ticks(high, 6 if width > NARROW else 4, fractions))
    parts = [upright(frame, Axis(UP, shares())), level(frame, across)]
    for index, one in enumerate(series):
        parts += [_band(frame, one, index), _line(frame, one, index)]
    parts += [_marks(frame, one, index) for index, one in enumerate(series)]
    if len(series) > 1:
        parts.append(legend(frame, [one.name for one in series]))
    return drawing(name, title, desc, width, height, *parts)


def _eps_ticks(high: float, most: int, fractions: bool) -> list[tuple[float, str]]:
    """Return the ticks of eps, in 1/255 if every audited eps is such a fraction."""
    if not fractions:
        return [(value, decimal(value)) for value in ticks(high, most)]
    return [
        (value / 255, f"{value:.0f}/255" if value else "0")
        for value in whole_ticks(high * 255, most)
    ]


def _steps(points: Sequence[tuple[float, float]], end: float) -> list[tuple[str, str]]:
    """Return the corners of the step function through ``points``, extended to x = ``end``."""
    corners: list[tuple[str, str]] = []
    for x, y in points:
        if corners:
            corners.append((number(x), corners[-1][1]))
        corners.append((number(x), number(y)))
    corners.append((number(end), corners[-1][1]))
    return list(dict.fromkeys(corners))


def _corners(frame: Frame, one: Series, bound: str) -> list[tuple[str, str]]:
    points = [(frame.x(eps), frame.y(getattr(at, bound))) for eps, at in one.curve]
    end = max(eps for eps, _ in (*one.curve, *one.marked))
    return _steps(points, frame.x(end))


def _band(frame: Frame, one: Series, index: int) -> Markup:
    outline = _corners(frame, one, "high") + _corners(frame, one, "low")[::-1]
    return element("path", d=path(outline) + "Z", class_=f"band series-{index}")


def _line(frame: Frame, one: Series, index: int) -> Markup:
    through = path(_corners(frame, one, "value"))
    return element("path", d=through, stroke_dasharray=dash(index), class_=f"line series-{index}")


def _marks(frame: Frame, one: Series, index: int) -> Markup:
    """Draw the marked points with their intervals, and their values if there is room."""
    parts: list[str] = []
    after = [frame.x(eps) for eps, _ in one.marked[1:]] + [math.inf]
    for (eps, at), beyond in zip(one.marked, after, strict=True):
        x, y = frame.x(eps), frame.y(at.value)
        parts += [
            element("line", x1=x, x2=x, y1=frame.y(at.low), y2=frame.y(at.high), class_="whisker"),
            marker(index, x, y),
        ]
        label = percent(at.value)
        # At the top of the chart it would overlap with the title of the axis.
        start = max(x + 7, text_width(UP) + 8 if y < TOP + 8 else 0)
        if index == 0 and start + text_width(label) <= beyond:
            parts.append(element("text", label, x=start, y=y - 8, class_="value"))
    return element("g", *parts, class_=f"marks series-{index}")


def interval_bar(interval: Interval) -> Markup:
    """Draw one interval on a bar from 0 to 1: decorative, hidden from screen readers."""
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


def sparkline(
    curve: Sequence[tuple[float, Interval]], width: int = 110, height: int = 26
) -> Markup:
    """Draw only the step curve, from 0 to 100%, for a table with the numbers."""
    across = linear(0, curve[-1][0] or 1.0, 1, width - 1)
    up = linear(0, 1, height - 1, 1)
    corners = _steps([(across(eps), up(at.value)) for eps, at in curve], width - 1)
    foot = element("line", x1=1, x2=width - 1, y1=height - 1, y2=height - 1, class_="rule")
    return element(
        "svg",
        foot,
        element("path", d=path(corners), class_="line series-0"),
        viewBox=f"0 0 {width} {height}",
        aria_hidden="true",
        class_="spark",
    )
