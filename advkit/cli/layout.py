"""Text for a terminal: columns that fit its width, and paragraphs."""

import os
import shutil
import sys
import textwrap
from collections.abc import Sequence

GAP = "  "
WIDEST = 120


def width() -> int:
    """Return how many columns there are: the terminal's, 120 at most, and 80 where there is none.

    COLUMNS in the environment says otherwise.
    """
    return min(shutil.get_terminal_size((80, 24)).columns, WIDEST)


def columns(header: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[int] = ()) -> str:
    """Return a table; columns ``right`` are flush right, and the last takes what is left.

    On a terminal (or with COLUMNS in the environment) the last column is cut to the width; into a
    file or a pipe it goes whole.
    """
    lines = [header, *rows]
    widths = [max(len(line[i]) for line in lines) for i in range(len(header))]
    if sys.stdout.isatty() or "COLUMNS" in os.environ:
        widths[-1] = max(width() - sum(widths[:-1]) - len(GAP) * (len(widths) - 1), 4)
    text = [GAP.join(_cell(line[i], widths[i], i in right) for i in range(len(line)))
            for line in lines]  # fmt: skip
    return "\n".join(line.rstrip() for line in text)


def _cell(text: str, size: int, right: bool) -> str:
    cut = text if len(text) <= size else text[: size - 3] + "..."
    return cut.rjust(size) if right else cut.ljust(size)


def paragraph(text: str, first: str = "", rest: str | None = None) -> str:
    """Return ``text`` in lines that fit, each after an indent."""
    rest = " " * len(first) if rest is None else rest
    return textwrap.fill(text, width(), initial_indent=first, subsequent_indent=rest,
                         break_long_words=False, break_on_hyphens=False)  # fmt: skip
