"""Text for a terminal: columns that fit its width, and paragraphs."""

import os
import re
import shutil
import sys
import textwrap
from collections.abc import Sequence

GAP = "  "
WIDEST = 120
LEAST = 20  # of a column that is wrapped or truncated


def width() -> int:
    """Return the number of columns: the terminal's, at most 120; 80 without a terminal.

    COLUMNS in the environment overrides it.
    """
    return min(shutil.get_terminal_size((80, 24)).columns, WIDEST)


def columns(header: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[int] = ()) -> str:
    """Return a table; the columns ``right`` are right-aligned, the last takes the remaining width.

    On a terminal (or with COLUMNS in the environment) it is limited to its width: the first column
    is wrapped, and the last is truncated if it holds no numbers. In files and pipes nothing is.
    """
    lines = [header, *rows]
    widths = [max(len(line[i]) for line in lines) for i in range(len(header))]
    if sys.stdout.isatty() or "COLUMNS" in os.environ:
        room = width() - sum(widths[1:-1]) - len(GAP) * (len(widths) - 1)
        numbers = len(widths) - 1 in right
        last = widths[-1] if numbers else min(widths[-1], LEAST)
        widths[0] = min(widths[0], max(room - last, LEAST))
        widths[-1] = last if numbers else max(room - widths[0], 4)
    text = []
    for line in lines:
        first, *more = folded(line[0], widths[0])
        cells = (first, *line[1:])
        text += [GAP.join(_cell(cells[i], widths[i], i in right) for i in range(len(cells))), *more]
    return "\n".join(line.rstrip() for line in text)


def folded(text: str, size: int) -> list[str]:
    """Return ``text`` in lines of ``size`` at most, broken after commas if possible."""
    lines = [""]
    for part in re.findall(r"[^,]+,?", text):
        if lines[-1].strip() and len(lines[-1] + part) > size:
            lines.append(GAP)
            part = part.lstrip()
        lines[-1] += part
    return [line[i : i + size] for line in lines for i in range(0, max(len(line), 1), size)]


def _cell(text: str, size: int, right: bool) -> str:
    cut = text if len(text) <= size else text[: size - 3] + "..."
    return cut.rjust(size) if right else cut.ljust(size)


def paragraph(text: str, first: str = "", rest: str | None = None) -> str:
    """Return ``text`` in lines that fit, each after an indent."""
    rest = " " * len(first) if rest is None else rest
    return textwrap.fill(text, width(), initial_indent=first, subsequent_indent=rest,
                         break_long_words=False, break_on_hyphens=False)  # fmt: skip
