"""How often values fall into each of some equal bins."""

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
from advkit.reports.svg import drawing, element
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
    high: float,
    *,
    name: str,
    title: str,
    desc: str,
    across: str,
    up: str = "images",
    width: int = WIDE,
    marks: Sequence[tuple[float, str]] = (),
) -> Markup:
    """Draw ``counts`` of equal bins from 0 to ``high``; ``marks`` are values to rule, with names.

    Raises ValueError where nothing was counted.
    """
    if not sum(counts):
        raise ValueError(f"{title}: nothing was counted")
    frame = frame_of((0, high), (0, max(counts)), width, height_of(width))
    most = 6 if width > NARROW else 4
    upticks = [tick for tick in numbers(0, max(counts), 5) if tick[0] == int(tick[0])]
    parts = [
        upright(frame, Axis(up, upticks)),
        level(frame, Axis(across, numbers(0, high, most))),
        *(_bar(frame, index, number, high / len(counts)) for index, number in enumerate(counts)),
        *(_mark(frame, value, text) for value, text in marks),
    ]
    return drawing(name, title, desc, width, frame.height, *parts)


def _bar(frame: Frame, index: int, number: int, step: float) -> Markup:
    low, high = index * step, (index + 1) * step
    x, y = frame.x(low), frame.y(number)
    said = f"{decimal(low)} to {decimal(high)}: {count(number)}"
    size = {"width": max(frame.x(high) - x - 1, 0.5), "height": frame.height - BOTTOM - y}
    return element("rect", element("title", said), x=x, y=y, **size, class_="fill-left")


def _mark(frame: Frame, value: float, text: str) -> Markup:
    x, low = frame.x(value), frame.height - BOTTOM
    line = element("line", x1=x, x2=x, y1=TOP, y2=low, class_="boundary")
    return element("g", line, element("text", text, x=x + 5, y=TOP + 10, class_="note"))
