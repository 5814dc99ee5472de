"""Horizontal bars that divide all images: a waterfall of losses, and a stacked bar per eps."""

from collections.abc import Sequence
from typing import NamedTuple

from markupsafe import Markup

from advkit.reports.svg import Scale, drawing, element, linear, text_width
from advkit.reports.words import count, percent, short

WIDE, NARROW = 680, 340
ROW, BAR, TOP, BOTTOM = 34, 20, 8, 28


class Part(NamedTuple):
    """Some of all images; ``kind`` is error (misclassified when clean), loss or left."""

    name: str
    images: int
    kind: str


class Bar(NamedTuple):
    """A stacked bar: its name (an eps) and its parts, which add up to all images."""

    name: str
    parts: Sequence[Part]


def waterfall(
    parts: Sequence[Part], *, name: str, title: str, desc: str, width: int = WIDE
) -> Markup:
    """Draw one row per part: losses reduce 100% from the right until ``left`` remains."""
    label = min(max(text_width(part.name) for part in parts) + 12, 0.5 * width)
    total = sum(part.images for part in parts)
    x = linear(0, total, label, width - 62)
    height = TOP + ROW * len(parts) + BOTTOM
    drawn = [_share_axis(x, total, height)]
    end = total
    for row, part in enumerate(parts):
        drawn.append(_waterfall_row(part, x, end, total, row))
        end -= part.images
    return drawing(name, title, desc, width, height, *drawn)


def _waterfall_row(part: Part, x: Scale, end: int, total: int, row: int) -> Markup:
    """Draw the bar that ends at ``end`` images, with its name on the left and its share right."""
    top = TOP + row * ROW
    start = end - part.images
    middle = top + BAR / 2 + 4
    minus = "\u2212" if part.kind != "left" and part.images else ""
    room = int((x(0) - 12) / text_width("n") + 1e-6)
    parts: list[str] = [
        element("text", short(part.name, room), x=x(0) - 12, y=middle, text_anchor="end"),
        element(
            "rect",
            element("title", f"{part.name}: {count(part.images)} of {count(total)} images"),
            x=x(start),
            y=top,
            width=max(x(end) - x(start), 1.5),
            height=BAR,
            class_=f"fill-{part.kind}",
        ),
        element(
            "text",
            minus + percent(part.images / total),
            x=x(total) + 56,
            y=middle,
            text_anchor="end",
            class_="value",
        ),
    ]
    if part.kind != "left":
        parts.append(
            element("line", x1=x(start), x2=x(start), y1=top + BAR, y2=top + ROW, class_="link")
        )
    return element("g", *parts)


def stacked(bars: Sequence[Bar], *, name: str, title: str, desc: str, width: int = WIDE) -> Markup:
    """Draw one bar per eps; parts of the same name have the same pattern, shown in the legend.

    Attacks that fooled nothing at any eps are omitted: there are fewer patterns than attacks.
    """
    label = 76 if width > NARROW else 62
    total = sum(part.images for part in bars[0].parts)
    x = linear(0, total, label, width - 20)
    parts = [part for bar in bars for part in bar.parts]
    taken = {part.name for part in parts if part.images or part.kind != "loss"}
    kinds = {part.name: part.kind for part in parts if part.name in taken}
    fills = _fills(kinds, name)
    legend, legend_height = _legend(kinds, fills, width)
    top = legend_height + 10
    height = top + ROW * len(bars) + BOTTOM
    rows = [_stacked_row(bar, x, top + row * ROW, fills) for row, bar in enumerate(bars)]
    axis = _share_axis(x, total, height, top)
    return drawing(name, title, desc, width, height, _patterns(name), legend, axis, *rows)


def _fills(kinds: dict[str, str], name: str) -> dict[str, str]:
    """Return the fill of each part by name: losses take the patterns in turn."""
    fills: dict[str, str] = {}
    for part, kind in kinds.items():
        taken = sum(kinds[other] == "loss" for other in fills)
        fills[part] = f"url(#{name}-{taken % PATTERNS})" if kind == "loss" else ""
    return fills


def _box(x: float, y: float, width: float, height: float, kind: str, fill: str) -> Markup:
    """Draw a part: plain in the colour of its kind, or tinted under its pattern."""
    at = {"x": x, "y": y, "width": width, "height": height}
    if not fill:
        return element("rect", **at, class_=f"fill-{kind}")
    return element("g", element("rect", **at, class_="fill-tint"), element("rect", **at, fill=fill))


def _stacked_row(bar: Bar, x: Scale, top: float, fills: dict[str, str]) -> Markup:
    drawn: list[str] = [
        element("text", short(bar.name, 10), x=x(0) - 10, y=top + BAR / 2 + 4, text_anchor="end")
    ]
    start = 0
    for part in reversed(bar.parts):
        left, right = x(start), x(start + part.images)
        start += part.images
        if part.images:
            box = _box(left, top, max(right - left - 1, 1), BAR, part.kind, fills[part.name])
            drawn.append(element("g", element("title", f"{part.name}: {count(part.images)}"), box))
        text = count(part.images)
        if part.kind == "left" and right - left > text_width(text) + 12:
            y = top + BAR / 2 + 4
            drawn.append(element("text", text, x=left + 7, y=y, class_="on-fill"))
    return element("g", *drawn)


def _share_axis(x: Scale, total: int, height: float, top: float = TOP) -> Markup:
    """Draw the grid lines at 0, 25 ... 100% of all images."""
    low = height - BOTTOM
    parts: list[str] = []
    for share in (0, 0.25, 0.5, 0.75, 1):
        at = x(share * total)
        parts += [
            element("line", x1=at, x2=at, y1=top - 4, y2=low, class_="rule"),
            element("text", f"{100 * share:.0f}%", x=at, y=low + 16, text_anchor="middle"),
        ]
    return element("g", *parts, class_="axis")


def _legend(kinds: dict[str, str], fills: dict[str, str], width: float) -> tuple[Markup, float]:
    """Return the legend, wrapped to ``width``, and its height."""
    drawn: list[str] = []
    x, y = 0.0, 0.0
    for name, kind in reversed(kinds.items()):
        text = short(name, 28)
        if x and x + 22 + text_width(text) > width:
            x, y = 0.0, y + 22
        drawn.append(_box(x, y + 2, 14, 14, kind, fills[name]))
        drawn.append(element("text", text, x=x + 20, y=y + 14))
        x += 20 + text_width(text) + 16
    return element("g", *drawn, class_="legend"), y + 22


PATTERNS = 6


def _patterns(name: str) -> Markup:
    """Return six hatch patterns that are distinguishable without colour."""
    shapes = (
        "M0 0H8V8H0Z",
        "M-2 2L2 -2M0 8L8 0M6 10L10 6",
        "M-2 6L2 10M0 0L8 8M6 -2L10 2",
        "M2 2h2v2h-2zM6 6h2v2h-2z",
        "M0 2H8M0 6H8",
        "M2 0V8M6 0V8",
    )
    patterns = [
        element(
            "pattern",
            element("path", d=shape, class_="hatch-solid" if index in (0, 3) else "hatch"),
            id=f"{name}-{index}",
            width=8,
            height=8,
            patternUnits="userSpaceOnUse",
        )
        for index, shape in enumerate(shapes)
    ]
    return element("defs", *patterns)
