"""Heat maps of matrices with the numbers in the cells."""

from collections.abc import Callable, Collection, Sequence

from markupsafe import Markup

from advkit.reports.axes import WIDE
from advkit.reports.svg import drawing, element, text_width
from advkit.reports.words import short

SHADES = 9  # classes heat-0 (empty) to heat-9
CELL = 30
TOP = 20


def heat_map(
    cells: Sequence[Sequence[float]],
    rows: Sequence[str],
    columns: Sequence[str],
    *,
    name: str,
    title: str,
    desc: str,
    down: str,
    across: str,
    text: Callable[[float], str],
    width: int = WIDE,
    marked: Collection[tuple[int, int]] = (),
) -> Markup:
    """Draw ``cells``, one row per name in ``rows``; ``text`` formats a number.

    ``down`` and ``across`` are the titles of rows and columns; the cells ``marked`` (row, column)
    are framed. Shades go from 0 to the largest number. Raises ValueError if the numbers of names
    and cells differ.
    """
    if len(cells) != len(rows) or any(len(row) != len(columns) for row in cells):
        raise ValueError(f"{title}: {len(rows)} by {len(columns)} names for other numbers")
    label = min(max(text_width(one, 11) for one in rows) + 12, 0.32 * width)
    side = _side(columns, width - label - 2)
    height = min(side, CELL)
    top = TOP + min(max(text_width(one, 11) for one in columns), 92) * 0.75 + 16
    most = max((value for row in cells for value in row), default=0) or 1
    parts = [_heads(columns, label, side, top, across), _sides(rows, label, height, top, down)]
    for i, row in enumerate(cells):
        for j, value in enumerate(row):
            place = (label + j * side, top + i * height, side, height)
            tip = f"{rows[i]}, {columns[j]}: {text(value)}"
            words = text(value) if value and side >= text_width(text(value), 10) + 4 else ""
            parts.append(_cell(place, value / most, tip, words))
            if (i, j) in marked:
                parts.append(_frame(place))
    return drawing(name, title, desc, width, top + len(rows) * height + 4, *parts)


def _side(columns: Sequence[str], room: float) -> float:
    """Return the width of a cell with which no slanted heading is cut off at the right."""
    n = len(columns)
    spill = [room if not one else (room - 0.67 * text_width(short(one, 15), 11)) / (j + 0.5)
             for j, one in enumerate(columns)]  # fmt: skip
    return min(room / n, *(max(each, 0.6 * room / n) for each in spill))


def _heads(columns: Sequence[str], left: float, side: float, top: float, name: str) -> Markup:
    parts = [element("text", name, x=left, y=12, class_="axis-name")]
    for j, column in enumerate(columns):
        x = left + (j + 0.5) * side
        turn = f"rotate(-48 {x:.1f} {top - 6:.1f})"
        parts.append(element("text", short(column, 15), x=x, y=top - 6, transform=turn,
                             font_size=11))  # fmt: skip
    return element("g", *parts, class_="axis")


def _sides(rows: Sequence[str], left: float, height: float, top: float, name: str) -> Markup:
    room = int((left - 8) / text_width("n", 11))
    parts = [element("text", name, x=0, y=top - 6, class_="axis-name")]
    for i, row in enumerate(rows):
        y = top + (i + 0.5) * height + 4
        text = short(row, max(room, 4))
        parts.append(element("text", text, x=left - 8, y=y, text_anchor="end", font_size=11))
    return element("g", *parts, class_="axis")


def _frame(place: tuple[float, float, float, float]) -> Markup:
    x, y, side, height = place
    box = {"x": x + 1.5, "y": y + 1.5, "width": side - 3, "height": height - 3}
    return element("rect", **box, class_="whisker", fill="none")


def _cell(place: tuple[float, float, float, float], share: float, tip: str, words: str) -> Markup:
    x, y, side, height = place
    shade = 0 if share <= 0 else max(1, round(share * SHADES))
    box = {"x": x + 0.5, "y": y + 0.5, "width": side - 1, "height": height - 1}
    cell = element("rect", element("title", tip), **box, class_=f"heat heat-{shade}")
    if not words:
        return cell
    # Where both text colours contrast equally with the shade, in light and in dark mode.
    kind = "on-heat" if shade > 6 else "in-heat"
    at = {"x": x + side / 2, "y": y + height / 2 + 4, "text_anchor": "middle", "font_size": 10}
    return element("g", cell, element("text", words, **at, class_=kind))
