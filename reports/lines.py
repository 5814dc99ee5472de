"""Line charts, with a band if there is one."""

from collections.abc import Sequence
from typing import NamedTuple

from markupsafe import Markup

from advkit.reports.axes import (
    LEFT,
    RIGHT,
    WIDE,
    Axis,
    Frame,
    dash,
    frame_of,
    height_of,
    keyed,
    level,
    marker,
    numbers,
    powers_of_ten,
    upright,
)
from advkit.reports.svg import drawing, element, number, path


class Line(NamedTuple):
    """A line through ``points`` (x, y); ``band`` (x, low, high) is shaded under it.

    With ``dots`` only markers are drawn, as nothing is known between the points.
    """

    name: str
    points: Sequence[tuple[float, float]]
    band: Sequence[tuple[float, float, float]] = ()
    dots: bool = False


def line_chart(
    lines: Sequence[Line],
    *,
    name: str,
    title: str,
    desc: str,
    across: str,
    up: str,
    width: int = WIDE,
    zero: str = "",
    powers: str = "",
    whole: bool = False,
) -> Markup:
    """Draw lines; ``across`` and ``up`` are axis titles, ``zero`` the label of a line at y = 0.

    ``powers`` lists the axes, of "xy", that are logarithms to base ten: their ticks are the numbers
    themselves. With ``whole`` the horizontal axis counts things and has integer ticks only. Raises
    ValueError without points, or if one is not finite.
    """
    frame, extent = _fit(lines, width, bool(zero))
    most = 6 if width >= WIDE else 4
    ticks = [powers_of_ten if axis in powers else numbers for axis in "xy"]
    beside = [one for one in ticks[0](*extent[0], most) if not whole or one[0] == int(one[0])]
    parts = [
        upright(frame, Axis(up, ticks[1](*extent[1], 5))),
        level(frame, Axis(across, beside)),
    ]
    if zero:
        parts.append(_boundary(frame, zero))
    for index, line in enumerate(lines):
        parts += [_band(frame, line, index), _line(frame, line, index)]
    drawn, height = keyed(frame, parts, [line.name for line in lines], up)
    return drawing(name, title, desc, width, height, *drawn)


def _fit(
    lines: Sequence[Line], width: int, zero: bool
) -> tuple[Frame, tuple[tuple[float, float], tuple[float, float]]]:
    xs = [x for line in lines for x, *_ in (*line.points, *line.band)]
    ys = [y for line in lines for _, *rest in (*line.points, *line.band) for y in rest]
    if not xs or any(abs(value) == float("inf") or value != value for value in (*xs, *ys)):
        raise ValueError(f"{[line.name for line in lines]} cannot be drawn: no finite points")
    if zero:
        # Room for its name above the line: below, it would overlap with the curves.
        ys += [0.0, -0.12 * min(*ys, 0.0)]
    extent = (min(xs), max(xs)), (min(ys), max(ys))
    return frame_of(*extent, width, height_of(width)), extent


def _boundary(frame: Frame, text: str) -> Markup:
    y, right = frame.y(0), frame.width - RIGHT
    line = element("line", x1=LEFT, x2=right, y1=y, y2=y, class_="boundary")
    label = element("text", text, x=LEFT + 4, y=y - 6, class_="note")
    return element("g", line, label)


def _line(frame: Frame, line: Line, index: int) -> Markup:
    if line.dots:
        marks = [marker(index, frame.x(x), frame.y(y)) for x, y in line.points]
        return element("g", *marks, class_=f"marks series-{index}")
    at = [(number(frame.x(x)), number(frame.y(y))) for x, y in line.points]
    drawn = element("path", d=path(at), stroke_dasharray=dash(index), class_=f"line series-{index}")
    x, y = line.points[-1]
    end = element("g", marker(index, frame.x(x), frame.y(y)), class_=f"marks series-{index}")
    return element("g", drawn, end)


def _band(frame: Frame, line: Line, index: int) -> Markup:
    if not line.band:
        return Markup()
    upper = [(number(frame.x(x)), number(frame.y(high))) for x, _, high in line.band]
    lower = [(number(frame.x(x)), number(frame.y(low))) for x, low, _ in line.band]
    return element("path", d=path(upper + lower[::-1]) + "Z", class_=f"band series-{index}")
