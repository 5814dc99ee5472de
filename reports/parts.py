"""The building blocks of pages; templates/parts.html renders them."""

from collections.abc import Sequence
from typing import NamedTuple

from markupsafe import Markup


class Cell(NamedTuple):
    """One cell: its text, the number it sorts by (None: by its text), whether it is a warning.

    ``drawing`` replaces the text.
    """

    text: str
    value: float | None = None
    warning: bool = False
    drawing: Markup | None = None


class Column(NamedTuple):
    """A column's heading, and whether it holds numbers (right-aligned, tabular)."""

    name: str
    numeric: bool = False


class Table(NamedTuple):
    """A table; ``ids`` are the rows' deep links (one per row, or none at all).

    A cell of the first column may be a link (``links``, one address per row).
    """

    caption: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[Cell]]
    ids: Sequence[str] = ()
    links: Sequence[str] = ()


class Figure(NamedTuple):
    """A chart drawn twice (wide, narrow: text keeps its size on a phone), and its data.

    ``reading`` says how to read it, ``limits`` what it does not show, ``command`` reproduces it.
    """

    name: str
    wide: Markup
    narrow: Markup
    caption: str
    data: Table
    reading: str
    limits: str
    command: str


class Fact(NamedTuple):
    """A term and its value in a list of facts; ``code`` sets the value in monospace."""

    term: str
    value: str
    code: bool = False


class Section(NamedTuple):
    """A section: its id, its heading, and its entry in the table of contents."""

    name: str
    title: str
    entry: str
