"""The overview of many audits, ranked if on the same images at the same eps."""

from collections.abc import Sequence
from dataclasses import dataclass

from advkit.reports.parts import Cell, Column, Section, Table
from advkit.reports.robustness_curve import sparkline
from advkit.reports.shell import render
from advkit.reports.tables import Interval
from advkit.reports.words import count, eps_both, percent, short, slug, spread


@dataclass(frozen=True)
class Entry:
    """One audit: ``link`` leads from the overview to its page; robust accuracy is at ``eps``."""

    model: str
    data: str
    images: str
    norm: str
    eps: float
    clean: Interval
    robust: Interval
    curve: Sequence[tuple[float, Interval]]
    suite: str
    finished: str
    folder: str
    link: str


def overview_page(entries: Sequence[Entry], where: str, passed_over: Sequence[str]) -> str:
    """Return the overview of ``entries``, with a table for each comparable group.

    ``passed_over`` lists run directories that were left out, with the reason.
    """
    groups: dict[tuple[str, str, float, str], list[Entry]] = {}
    for entry in entries:
        groups.setdefault((entry.images, entry.norm, entry.eps, entry.suite), []).append(entry)
    ranked = [sorted(group, key=_rank) for group in groups.values()]
    ranked.sort(key=lambda group: (-len(group), group[0].data, group[0].norm, group[0].eps))
    sections = [Section(f"group-{i + 1}-{slug(_title(group[0]))}", _title(group[0]),
                        _entry(group[0])) for i, group in enumerate(ranked)]  # fmt: skip
    tables = [
        (section, _table(group), _best(group))
        for section, group in zip(sections, ranked, strict=True)
    ]
    return render(
        "overview.html",
        title=f"Audits in {short(where)}",
        kind="index",
        sections=[*sections, Section("reading", "How to read this", "Reading")],
        where=where,
        number=len(entries),
        tables=tables,
        passed_over=passed_over,
    )


def _rank(entry: Entry) -> tuple[float, float, str, str]:
    return -entry.robust.value, -entry.clean.value, entry.model, entry.folder


def _title(entry: Entry) -> str:
    at = f"{entry.norm} eps {eps_both(entry.eps, entry.norm)}"
    return f"{short(entry.data, 40)}, {count(entry.clean.n)} images, {at}, suite {entry.suite}"


def _entry(entry: Entry) -> str:
    data = short(entry.data.rpartition(":")[2], 18)
    return f"{data}, {entry.norm} {entry.eps:.3g}, {entry.suite}, {count(entry.clean.n)}"


def _best(group: Sequence[Entry]) -> str:
    first = group[0]
    text = f"{short(first.model)} stays correct on {percent(first.robust.value)}"
    return f"{text} ({spread(first.robust)})."


def _table(group: Sequence[Entry]) -> Table:
    columns = [
        Column("model"),
        Column("robust", True),
        Column("95% interval", True),
        Column("clean", True),
        Column("accuracy over eps"),
        Column("finished"),
        Column("run"),
    ]
    rows = [
        [
            Cell(short(entry.model)),
            Cell(percent(entry.robust.value), entry.robust.value),
            Cell(spread(entry.robust), entry.robust.low),
            Cell(percent(entry.clean.value), entry.clean.value),
            Cell("", entry.robust.value, drawing=sparkline(entry.curve)),
            Cell(entry.finished[:16].replace("T", " ")),
            Cell(short(entry.folder)),
        ]
        for entry in group
    ]
    return Table(_title(group[0]), columns, rows, links=[entry.link for entry in group])
