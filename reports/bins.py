"""Histograms."""

import math
from collections.abc import Sequence

from markupsafe import Markup

from advkit.reports.axes import (
    BOTTOM,
    NARROW,
    TOP,
    WIDE,
    Axis,
    Frame,
    frame_of,
    height_of,
    level,
    numbers,
    upright,
)
from advkit.reports.svg import drawing, element, text_width
from advkit.reports.words import count, decimal


def counted(values: Sequence[float], bins: int, high: float) -> list[int]:
    """Return how many of ``values`` lie in each of ``bins`` equal parts of 0 to ``high``.

    A value on an edge is in the bin to its right, ``high`` in the last; others are not counted.
    """
    found = [0] * bins
    for value in values:
        if 0 <= value <= high:
            found[min(math.floor(value / high * bins), bins - 1)] += 1
    return found


def histogram(
    counts: Sequence[int],
    edges: Sequence[float],
    *,
    name: str,
    title: str,
    desc: str,
    across: str,
    up: str = "images",
    width: int = WIDE,
    marks: Sequence[tuple[float, str]] = (),
) -> Markup:
    """Draw ``counts`` of the bins between ``edges``; ``marks`` are values to mark, with names.

    Raises ValueError if all counts are 0.
    """
    if not sum(counts):
        raise ValueError(f"{title}: nothing was counted")
    ends = edges[0], edges[-1]
    frame = frame_of(ends, (0, max(counts)), width, height_of(width))
    most = 6 if width > NARROW else 4
    upticks = [tick for tick in numbers(0, max(counts), 5) if tick[0] == int(tick[0])]
    parts = [
        upright(frame, Axis(up, upticks)),
        level(frame, Axis(across, numbers(*ends, most))),
        *(_bar(frame, *bin_) for bin_ in zip(edges, edges[1:], counts, strict=False)),
        _marks(frame, marks),
    ]
    return drawing(name, title, desc, width, frame.height, *parts)


def _bar(frame: Frame, low: float, high: float, number: int) -> Markup:
    x, y = frame.x(low), frame.y(number)
    said = f"{decimal(low)} to {decimal(high)}: {count(number)}"
    size = {"width": max(frame.x(high) - x - 1, 0.5), "height": frame.height - BOTTOM - y}
    return element("rect", element("title", said), x=x, y=y, **size, class_="fill-left")


def _marks(frame: Frame, marks: Sequence[tuple[float, str]]) -> Markup:
    """Draw a line at each value; its name is in the first row with free space next to the line."""
    rules: list[str] = []
    names: list[str] = []
    ends: list[float] = []
    for value, text in sorted(marks):
        x, wide = frame.x(value), text_width(text, 11)
        rules.append(
            element("line", x1=x, x2=x, y1=TOP, y2=frame.height - BOTTOM, class_="boundary")
        )
        start = x + 5 if x + 5 + wide < frame.width else x - 5 - wide
        row = next((row for row, end in enumerate(ends) if end <= start), len(ends))
        ends[row : row + 1] = [start + wide + 5]
        names.append(element("text", text, x=start, y=TOP + 10 + 13 * row, class_="note"))
    return element("g", *rules, *names)
