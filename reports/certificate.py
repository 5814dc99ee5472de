"""The page of `advkit certify`: certified and open samples, and the time spent."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from markupsafe import Markup

from advkit.reports.axes import NARROW, WIDE
from advkit.reports.page import THREATS, facts_of, tile
from advkit.reports.parts import Cell, Column, Fact, Figure, Section, Table
from advkit.reports.robustness_curve import Series, accuracy_curve
from advkit.reports.shell import render
from advkit.reports.tables import Interval
from advkit.reports.words import (
    count,
    decimal,
    eps_both,
    eps_text,
    percent,
    seconds,
    short,
    spread,
)

MAX_ROWS = 500
MAX_TILES = 4
RUNG_NAMES = {
    "intervals": "intervals",
    "crown": "CROWN",
    "alpha": "optimised slopes",
    "split": "branch and bound",
    "smooth": "smoothing",
}


@dataclass(frozen=True)
class Proved:
    """Proofs at one eps: the share, the samples tried, and those certified by method."""

    eps: float
    share: Interval
    tried: int
    by_rung: Mapping[str, int]
    seconds: float


DRAWN = "the line is drawn from each image's radius, estimated from its noise samples."


@dataclass(frozen=True)
class Certificate:
    """A finished run of `advkit certify`. ``proved`` ascends in eps; ``curve`` is a step function.

    ``open`` are (sample, class, largest eps at which it is certified, lower bound of its margin at
    the largest eps) of the images that are classified correctly and not certified there.
    """

    verdict: str
    model: Mapping[str, Any]
    data: Mapping[str, Any]
    norm: str
    method: str
    rounding: float
    clean: Interval
    proved: Sequence[Proved]
    curve: Sequence[tuple[float, Interval]]
    open: Sequence[tuple[str, str, float, float]]
    command: str
    environment: Mapping[str, str]
    notes: Sequence[str]
    started: str
    finished: str
    draws: Mapping[str, str] = field(default_factory=dict)
    """Of a smoothed classifier: noise and draws on which its radii are based; else empty."""


def certificate_page(of: Certificate) -> str:
    """Return the page of a run of `advkit certify` as a self-contained HTML file."""
    name = str(of.model.get("name", "a classifier"))
    return render(
        "certificate.html",
        title=f"Certificate of {short(name)}",
        kind="certificate",
        sections=[
            Section("result", "Result", "Result"),
            Section("proofs", "How it was proved", "Proofs"),
            Section("open", "What stays open", "Open"),
            Section("limits", "What this does not show", "Limits"),
            *([Section("notes", "Notes on this run", "Notes")] if of.notes else []),
            Section("reproduce", "Run it again", "Run again"),
        ],
        of=of,
        model_name=name,
        tiles=_tiles(of),
        threat=THREATS.get(of.norm, ""),
        setting=_setting(of, name),
        curve=_curve(of),
        proofs=_proofs(of),
        total_seconds=seconds(sum(row.seconds for row in of.proved)),
        left=_open(of),
        model=facts_of(of.model),
        data=facts_of(of.data),
        environment=facts_of(of.environment),
    )


def _tiles(of: Certificate) -> list[Any]:
    rows = list(of.proved)
    if len(rows) > MAX_TILES:
        rows = [rows[round(i * (len(rows) - 1) / (MAX_TILES - 1))] for i in range(MAX_TILES)]
    return [
        tile("Clean accuracy", of.clean, True),
        *(tile(f"Certified, eps {eps_text(row.eps, of.norm)}", row.share, False) for row in rows),
    ]


def _setting(of: Certificate, name: str) -> list[Fact]:
    return [
        Fact("norm", of.norm),
        Fact("eps", ", ".join(eps_both(row.eps, of.norm) for row in of.proved)),
        Fact("images", f"{count(of.clean.n)} of {short(of.data.get('name', 'the data'))}"),
        Fact("model", short(name)),
        Fact("up to", RUNG_NAMES.get(of.method, of.method)),
        *(
            [Fact("rounding", f"every bound widened by {of.rounding:.1e} of its terms")]
            if of.rounding
            else []
        ),
        *(Fact(key, value) for key, value in of.draws.items()),
    ]


def _curve(of: Certificate) -> Figure:
    marked = [(0.0, of.clean), *((row.eps, row.share) for row in of.proved if row.eps > 0)]
    series = Series("certified accuracy", of.curve, marked)
    title = f"Certified accuracy over {of.norm} eps"
    desc = "; ".join(
        f"at eps {eps_text(eps, of.norm)}: {percent(at.value)} ({spread(at)})" for eps, at in marked
    )

    def draw(width: int) -> Markup:
        name = f"curve-{width}"
        return accuracy_curve(
            [series], name=name, norm=of.norm, title=title, desc=desc, width=width
        )

    between = "between them each image's radius was found by bisection, with CROWN."
    return Figure(
        "curve", draw(WIDE), draw(NARROW),
        "Share of the images that are certified, for every eps. Dots: the requested eps (eps 0 is"
        f" clean accuracy); {DRAWN if of.draws else between} Band and bars: 95% Wilson intervals.",
        _points(of),
        reading="Choose an eps below; the height of the line is the share of images that no"
        " perturbation of that size can get misclassified, whatever the attack. The line drops by"
        " one image at the end of each image's certified radius.",
        limits="The line is a lower bound: a tighter proof can only raise it. Below it no attack "
               "can succeed; above it nothing is known without an audit.",
        command=of.command,
    )  # fmt: skip


def _points(of: Certificate) -> Table:
    columns = [Column(name, True) for name in ("eps", "certified", "95% interval", "images")]
    rows = [
        [
            Cell(eps_both(row.eps, of.norm), row.eps),
            Cell(percent(row.share.value), row.share.value),
            Cell(spread(row.share), row.share.low),
            Cell(count(row.share.count), row.share.count),
        ]
        for row in of.proved
    ]
    return Table(f"Certified accuracy over {of.norm} eps", columns, rows)


def _proofs(of: Certificate) -> Table:
    names = [name for name in RUNG_NAMES if any(name in row.by_rung for row in of.proved)]
    columns = [Column(name, True) for name in ("eps", "tried", *(RUNG_NAMES[n] for n in names),
                                               "seconds")]  # fmt: skip
    rows = [
        [
            Cell(eps_both(row.eps, of.norm), row.eps),
            Cell(count(row.tried), row.tried),
            *(Cell(count(row.by_rung.get(n, 0)), row.by_rung.get(n, 0)) for n in names),
            Cell(seconds(row.seconds), row.seconds),
        ]
        for row in of.proved
    ]
    return Table("Images certified at every eps, by the method that proved it", columns, rows)


def _open(of: Certificate) -> Table:
    shown = of.open[:MAX_ROWS]
    rows = [
        [Cell(short(name)), Cell(short(label)), Cell(decimal(radius), radius),
         Cell(decimal(abs(lower) if of.draws else lower), lower)]
        for name, label, radius, lower in shown
    ]  # fmt: skip
    part = "" if len(shown) == len(of.open) else f" (the first {len(shown)} of {len(of.open)})"
    largest = eps_text(of.proved[-1].eps, of.norm)
    last = "short of eps by" if of.draws else "lower bound of the margin"
    columns = [Column("image"), Column("class"), Column("certified up to", True),
               Column(last, True)]  # fmt: skip
    return Table(f"Images not certified at eps {largest}{part}", columns, rows)
