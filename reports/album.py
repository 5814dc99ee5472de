"""The page of a picture run: image strips, tables and charts, section by section."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from markupsafe import Markup

from advkit.reports.axes import WIDE
from advkit.reports.gallery import Picture
from advkit.reports.images import Bytes, data_uri, fit, upscale
from advkit.reports.lines import Line, line_chart
from advkit.reports.page import facts_of
from advkit.reports.parts import Cell, Column, Figure, Section, Table
from advkit.reports.shell import render
from advkit.reports.strips import Strip
from advkit.reports.words import decimal, short, slug

SCREEN, LARGE = 144, 448  # pixels: small images are enlarged to this, large ones are at most that
MAX_BYTES = 12_000_000
NARROW = 340


class Framed(NamedTuple):
    """An 8-bit image, (h, w) or (h, w, 3), with its captions; ``uri`` for an animation."""

    levels: Bytes
    head: str
    text: str
    detail: str
    uri: str = ""


@dataclass(frozen=True)
class Chart:
    """Lines (name, points) over a number."""

    title: str
    across: str
    up: str
    lines: Sequence[tuple[str, Sequence[tuple[float, float]]]]
    reading: str = ""


@dataclass(frozen=True)
class Group:
    """One section; a strip is a caption, a name and its images.

    ``wide`` images take the whole width. A table is its columns (name, whether it holds numbers)
    and rows of text or numbers.
    """

    name: str
    title: str
    text: str
    strips: Sequence[tuple[str, str, Sequence[Framed]]] = ()
    columns: Sequence[tuple[str, bool]] = ()
    rows: Sequence[Sequence[str | float | None]] = ()
    under: str = ""
    chart: Chart | None = None
    wide: bool = False
    entry: str | None = None
    """Entry in the table of contents: the title if None, none if empty."""


@dataclass(frozen=True)
class Album:
    """A finished picture run."""

    title: str
    kind: str
    verdict: str
    lead: str
    groups: Sequence[Group]
    limits: Sequence[str]
    model: Mapping[str, Any]
    data: Mapping[str, Any]
    run: Mapping[str, Any]
    environment: Mapping[str, str]
    command: str
    notes: Sequence[str]
    started: str
    finished: str
    files: str = field(default="pictures/")
    found: Sequence[tuple[str, str]] = ()
    """On a page of several runs: the contents entry of the first section of each, its verdict."""


class Drawn(NamedTuple):
    """A section in the form that the template needs."""

    section: Section
    text: str
    strips: Sequence[Strip]
    table: Table | None
    under: str
    figure: Figure | None
    hidden: int
    wide: bool


def album_page(album: Album) -> str:
    """Return the page as a self-contained HTML file; images beyond 12 MB are only counted."""
    spent = [0]
    drawn = [_drawn(each, album, spent) for each in album.groups]
    listed = [each.section for each in drawn if each.section.entry]
    sections = [Section("begin", album.verdict, "Overview"), *listed,
                Section("limits", "What this does not show", "Limits"),
                Section("reproduce", "Run it again", "Run again")]  # fmt: skip
    places = {each.entry: each.name for each in listed}
    return render(
        "album.html", title=album.title, kind=album.kind, sections=sections, one=album, drawn=drawn,
        found=[(entry, places.get(entry), text) for entry, text in album.found],
        model=facts_of(album.model), data=facts_of(album.data), run=facts_of(album.run),
        environment=facts_of(album.environment),
    )  # fmt: skip


def _drawn(of: Group, album: Album, spent: list[int]) -> Drawn:
    strips: list[Strip] = []
    hidden = 0
    for number, (name, caption, pictures) in enumerate(of.strips):
        made = [_picture(one, of.wide) for one in pictures]
        size = sum(len(one.uri) for one in made)
        if strips and spent[0] + size > MAX_BYTES:
            hidden += 1
            continue
        spent[0] += size
        strips.append(
            Strip(
                f"{of.name}-{number + 1}-{slug(name)}",
                "" if name == caption else short(name),
                short(caption, 120),
                made,
            )
        )
    table = Table(of.title, [Column(*column) for column in of.columns],
                  [[_cell(value) for value in row] for row in of.rows])  # fmt: skip
    entry = short(of.title if of.entry is None else of.entry, 24)
    return Drawn(Section(of.name, of.title, entry), of.text, strips,
                 table if of.rows else None, of.under,
                 _figure(of, album) if of.chart else None, hidden, of.wide)  # fmt: skip


def _cell(value: str | float | None) -> Cell:
    if value is None:
        return Cell("\u2013", None)
    return Cell(value) if isinstance(value, str) else Cell(number(value), value)


def number(value: float) -> str:
    """Return a number in a table: four digits, thousands written out, a true minus sign."""
    rounded = float(f"{value:.4g}")
    whole = 1e3 <= abs(value) < 1e6
    return (f"{round(value):,}" if whole else decimal(rounded)).replace("-", "\u2212")


def _picture(one: Framed, wide: bool) -> Picture:
    small = fit(one.levels, 2 * LARGE if wide else LARGE)
    height, width = small.shape[:2]
    factor = upscale(height, width, SCREEN)
    alt = ", ".join(part for part in (one.head, one.text, one.detail) if part)
    return Picture(one.uri or data_uri(small), width * factor, height * factor, factor > 1, alt,
                   one.head, one.text, one.detail)  # fmt: skip


def _figure(of: Group, album: Album) -> Figure:
    chart = of.chart
    assert chart is not None  # noqa: S101
    lines = [Line(short(name, 24), points) for name, points in chart.lines]

    def draw(width: int) -> Markup:
        name = f"{of.name}-chart-{width}"
        return line_chart(lines, name=name, title=chart.title, desc=_ends(lines),
                          across=chart.across, up=chart.up, width=width)  # fmt: skip

    rows = [[Cell(name), Cell(number(x), x), Cell(number(y), y)]
            for name, points in chart.lines for x, y in _few(points)]  # fmt: skip
    data = Table(chart.title, [Column("line"), Column(chart.across, True), Column(chart.up, True)],
                 rows)  # fmt: skip
    return Figure(f"{of.name}-chart", draw(WIDE), draw(NARROW), chart.title, data, chart.reading,
                  "", album.command)  # fmt: skip


def _ends(lines: Sequence[Line]) -> str:
    return "; ".join(f"{line.name}: from {number(line.points[0][1])} to "
                     f"{number(line.points[-1][1])}" for line in lines)  # fmt: skip


def _few(points: Sequence[tuple[float, float]], most: int = 25) -> list[tuple[float, float]]:
    """Return at most ``most`` of the points, evenly spaced, the last among them."""
    step = max(-(-len(points) // most), 1)
    return list(points[::-1][::step][::-1])
