"""The pieces that a page is put together from; templates/parts.html draws them."""

from collections.abc import Sequence
from typing import NamedTuple

from markupsafe import Markup


class Cell(NamedTuple):
    """One cell: its text, the number it sorts by (None: by its text), whether it warns.

    ``drawing`` stands in the place of the text.
    """

    text: str
    value: float | None = None
    warning: bool = False
    drawing: Markup | None = None


class Column(NamedTuple):
    """A column's heading, and whether it holds numbers (set to the right, tabular)."""

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

    ``reading`` says how to read it, ``limits`` what it does not show, ``command`` makes it again.
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
    """A section: its id, its heading, and how the table of contents calls it."""

    name: str
    title: str
    entry: str
