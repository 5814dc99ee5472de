"""The plotting area of a chart, its two axes, and its legend."""

import math
from collections.abc import Sequence
from typing import NamedTuple

from markupsafe import Markup

from advkit.reports.svg import Scale, element, linear, number, text_width
from advkit.reports.words import decimal

WIDE, NARROW = 680, 340
LEFT, RIGHT, TOP, BOTTOM = 46, 14, 26, 46
# Series differ in dash and marker as well as in hue (class series-0, series-1, ...).
DASHES = (None, "7 4", "2 3", "9 3 2 3")
MARKERS = ("circle", "square", "diamond", "triangle")


class Frame(NamedTuple):
    """Two scales, and the extent of the whole drawing in pixels."""

    x: Scale
    y: Scale
    width: float
    height: float


class Axis(NamedTuple):
    """The title of an axis, and its ticks: position and label."""

    name: str
    ticks: Sequence[tuple[float, str]]


def frame_of(x: tuple[float, float], y: tuple[float, float], width: float, height: float) -> Frame:
    """Return the frame for values from ``x[0]`` to ``x[1]``, ``y[0]`` to ``y[1]``."""
    across = linear(*_apart(*x), LEFT, width - RIGHT)
    return Frame(across, linear(*_apart(*y), height - BOTTOM, TOP), width, height)


def _apart(low: float, high: float) -> tuple[float, float]:
    return (low, high) if high > low else (low - 0.5, high + 0.5)


def height_of(width: float) -> int:
    """Return the height of a chart of this width."""
    return 330 if width > NARROW else min(280, int(0.82 * width))


def numbers(low: float, high: float, most: int) -> list[tuple[float, str]]:
    """Return ticks at round numbers from ``low`` to ``high``, about ``most`` of them at most.

    A step is 1, 2, 2.5 or 5 times a power of ten.
    """
    low, high = _apart(low, high)
    power = 10.0 ** math.floor(math.log10((high - low) / most))
    step = next(s * power for s in (1, 2, 2.5, 5, 10) if s * power * most >= (high - low) * 0.9999)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    at = [round(i * step, 12) for i in range(first, last + 1)]
    return [(tick, decimal(tick).replace("-", "\u2212")) for tick in at]


def powers_of_ten(low: float, high: float, most: int) -> list[tuple[float, str]]:
    """Return ticks for logarithms from ``low`` to ``high``, at most ``most`` powers of ten."""
    at = range(math.ceil(low - 1e-9), math.floor(high + 1e-9) + 1)
    every = -(-len(at) // most) or 1
    return [(float(power), f"{10.0**power:,g}") for power in at[::every]]


def shares() -> list[tuple[float, str]]:
    """Return the ticks of a share: 0, 25 ... 100%."""
    return [(share, f"{100 * share:.0f}%") for share in (0, 0.25, 0.5, 0.75, 1)]


def upright(frame: Frame, axis: Axis) -> Markup:
    """Draw the horizontal grid lines with their labels, and the title of the axis above them."""
    parts = [element("text", axis.name, x=0, y=12, class_="axis-name")]
    for value, label in axis.ticks:
        y = frame.y(value)
        parts += [
            element("line", x1=LEFT, x2=frame.width - RIGHT, y1=y, y2=y, class_="rule"),
            element("text", label, x=LEFT - 8, y=y + 4, text_anchor="end"),
        ]
    return element("g", *parts, class_="axis")


def level(frame: Frame, axis: Axis) -> Markup:
    """Draw the ticks below the plotting area, and the title of the axis under them."""
    low = frame.height - BOTTOM
    right = frame.width - RIGHT
    parts = [element("text", axis.name, x=right, y=low + 40, text_anchor="end", class_="axis-name")]
    for value, label in axis.ticks:
        x = frame.x(value)
        parts += [
            element("line", x1=x, x2=x, y1=low, y2=low + 5, class_="tick"),
            element("text", label, x=x, y=low + 19, text_anchor="middle"),
        ]
    return element("g", *parts, class_="axis")


def dash(index: int) -> str | None:
    """Return the dash pattern of series ``index``."""
    return DASHES[index % len(DASHES)]


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


def keyed(
    frame: Frame, parts: Sequence[str], names: Sequence[str], beside: str, lines: bool = True
) -> tuple[list[str], float]:
    """Return ``parts`` with a legend if there are several series, and the total height.

    The legend is placed next to the title of the axis (``beside``); if there is no room for both,
    in separate rows above.
    """
    if len(names) < 2:
        return list(parts), frame.height
    rows = _rows(names, frame.width - RIGHT)
    if len(rows) == 1 and text_width(beside) + 8 + _entries(names) <= frame.width - RIGHT:
        return [*parts, legend(frame, names, lines)], frame.height
    down, drawn, first = 20 * len(rows), [], 0
    for index, row in enumerate(rows):
        one = legend(frame, row, lines, first)
        drawn.append(element("g", one, transform=f"translate(0 {20 * index})"))
        first += len(row)
    return [element("g", *parts, transform=f"translate(0 {down})"), *drawn], frame.height + down


def _entries(names: Sequence[str]) -> float:
    return sum(text_width(name) + 44 for name in names)


def _rows(names: Sequence[str], room: float) -> list[list[str]]:
    rows: list[list[str]] = [[]]
    for name in names:
        if rows[-1] and _entries([*rows[-1], name]) > room:
            rows.append([])
        rows[-1].append(name)
    return rows


def legend(frame: Frame, names: Sequence[str], lines: bool = True, first: int = 0) -> Markup:
    """Draw the legend above the plotting area, right-aligned, with the dashes of the lines.

    ``first`` is the number of the first series.
    """
    parts: list[str] = []
    x = frame.width - RIGHT - _entries(names)
    for index, name in enumerate(names, first):
        if lines:
            ends = {"x1": x, "x2": x + 26, "y1": 8, "y2": 8}
            look = {"stroke_dasharray": dash(index), "class_": f"line series-{index}"}
            parts.append(element("line", **ends, **look))
        mark = element("g", marker(index, x + 13, 8), class_=f"marks series-{index}")
        parts += [mark, element("text", name, x=x + 31, y=12)]
        x += text_width(name) + 44
    return element("g", *parts, class_="legend")
