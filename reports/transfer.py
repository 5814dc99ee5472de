"""The page of a transfer study: the question, the answer, and the evidence."""

from collections.abc import Sequence
from typing import Any

from advkit.reports.gallery import Picture, picture
from advkit.reports.images import gain_for, perturbation, to_bytes
from advkit.reports.page import facts_of, tile
from advkit.reports.parts import Cell, Column, Fact, Section, Table
from advkit.reports.shell import render
from advkit.reports.transfer_figures import (
    SHARE_COLUMNS,
    curves,
    ensembles,
    matrix,
    points,
    shares,
)
from advkit.reports.transfer_tables import Method, OneImage, Transfer
from advkit.reports.words import (
    count,
    decimal,
    eps_both,
    eps_text,
    mean,
    percent,
    probability,
    short,
    spread,
)


def transfer_page(study: Transfer) -> str:
    """Return the page of one study as a self-contained HTML file."""
    sections = _sections(study)
    return render(
        "transfer.html",
        title="Transfer of adversarial examples",
        kind="transfer",
        sections=sections,
        named={"matrix": None, "why": None, **{section.name: section for section in sections}},
        study=study,
        tiles=_tiles(study),
        setting=_setting(study),
        matrix=matrix(study, study.cells, goal="untargeted"),
        targeted=matrix(study, study.targeted, goal="targeted"),
        methods=_methods(study),
        curves=curves(study),
        ensembles=ensembles(study),
        targets=_ranking("Nets as targets, hardest first", study.by_target),
        sources=_ranking("Nets as sources, best first", study.by_source),
        gap=_gap(study),
        points=points(study),
        predictors=_predictors(study),
        image=_image(study.image) if study.image else None,
        nets=_nets(study),
        data=facts_of(study.data),
        run=_run(study),
        environment=facts_of(study.environment),
    )


def _sections(study: Transfer) -> list[Section]:
    return [
        Section("result", "Result", "Result"),
        *(
            [Section("matrix", "From which net to which", "Matrix")]
            if study.targeted or curves(study)
            else []  # the matrix above replaces the curves
        ),
        Section("methods", "Which attack transfers", "Attacks"),
        Section("nets", "Easy and hard nets", "Nets"),
        *(
            [Section("why", "What predicts which pairs transfer", "Why")]
            if study.predictors or points(study)
            else []
        ),
        *([Section("image", "One image, every net", "One image")] if study.image else []),
        Section("limits", "What this does not show", "Limits"),
        *([Section("notes", "Notes on this run", "Notes")] if study.notes else []),
        Section("reproduce", "Run it again", "Run again"),
    ]


def _tiles(study: Transfer) -> list[Any]:
    by_name = {method.attack: method for method in study.methods}
    shown, noise = by_name[study.shown], by_name.get(study.noise)
    tiles = [tile("Another net is fooled", shown.success, False)]
    if shown.white_box:
        tiles.append(tile("The net itself is fooled", shown.white_box, False))
    if shown.targeted:
        tiles.append(tile("Another net, to a chosen class", shown.targeted, False))
    if noise:
        tiles.append(tile("Noise of the same size", noise.success, True))
    return tiles


def _setting(study: Transfer) -> list[Fact]:
    return [
        Fact("norm", study.norm),
        Fact("eps", eps_both(study.eps, study.norm)),
        Fact("attack", f"{short(study.shown)}, {study.steps} steps"),
        Fact("nets", ", ".join(short(net.name) for net in study.nets)),
        Fact("images", f"{count(int(study.data['n']))} of {short(study.data['name'])}"),
        *([Fact("training", study.training)] if study.training else []),
    ]


def _methods(study: Transfer) -> Table:
    columns = [Column("attack"), Column("another net", True), Column("95% interval"),
               Column("itself", True), Column("chosen class", True), Column("same class", True),
               Column("by chance", True), Column("forward", True),
               Column("backward", True)]  # fmt: skip
    rows = [_method(method) for method in sorted(study.methods, key=lambda m: -m.success.value)]
    at = eps_text(study.eps, study.norm)
    return Table(f"Success of each attack on other nets at {study.norm} eps {at}", columns, rows)


def _method(method: Method) -> list[Cell]:
    def cell(share: float | None) -> Cell:
        return Cell("-") if share is None else Cell(percent(share), share)

    return [
        Cell(short(method.attack)),
        cell(method.success.value),
        Cell(spread(method.success), method.success.low),
        cell(method.white_box.value if method.white_box else None),
        cell(method.targeted.value if method.targeted else None),
        cell(method.same_class),
        cell(method.same_by_chance),
        Cell(mean(method.forwards), method.forwards),
        Cell(mean(method.backwards), method.backwards),
    ]


def _ranking(title: str, rows: Sequence[tuple[str, Any]]) -> Table:
    cells = [[Cell(short(name)), *shares(at)] for name, at in rows]
    return Table(title, [Column("net"), *SHARE_COLUMNS], cells)


def _gap(study: Transfer) -> Table | None:
    rows = [[Cell(a), Cell(b), *shares(at)] for a, b, at in study.robust_gap]
    columns = [Column("from"), Column("to"), *SHARE_COLUMNS]
    return Table("Between standard and adversarially trained nets", columns, rows) if rows else None


def _predictors(study: Transfer) -> Table:
    columns = [Column("similarity"), Column("Spearman's rho", True), Column("p (Mantel)", True),
               Column("pairs", True)]  # fmt: skip
    rows = [
        [Cell(one.told), Cell(decimal(one.rho), one.rho), Cell(probability(one.p), one.p),
         Cell(count(one.pairs), one.pairs)]
        for one in study.predictors
    ]  # fmt: skip
    return Table("What correlates with success", columns, rows)


def _image(one: OneImage) -> dict[str, Any]:
    """Return clean image, perturbation and example of each source, and the table of predictions."""
    clean = picture(to_bytes(one.clean), f"clean: true {short(one.label)}", "clean",
                    short(one.label), "true class", False)  # fmt: skip
    cards = [_made_on(one, at) for at in range(len(one.sources))]
    columns = [Column("made on"), *(Column(short(name, 20), True) for name in one.nets)]
    rows = [
        [Cell(short(source)), *(Cell(short(name, 20), warning=name != one.label) for name in said)]
        for source, said in zip(one.sources, one.said, strict=True)
    ]
    return {"clean": clean, "cards": cards,
            "table": Table("What every net predicts for every example", columns, rows)}  # fmt: skip


def _made_on(one: OneImage, at: int) -> tuple[str, str, list[Picture]]:
    """Return the source, how many nets its example fools, and two images."""
    delta = one.adversarial[at] - one.clean
    gain = gain_for(delta)
    source, fooled = one.sources[at], sum(name != one.label for name in one.said[at])
    told = f"{fooled} of {len(one.nets)} nets fooled"
    head = f"change \u00d7{decimal(gain)}"
    return short(source), told, [
        picture(perturbation(delta, gain), f"change made on {short(source)}", head,
                "mid-grey = 0", "", False),
        picture(to_bytes(one.adversarial[at]), f"example made on {short(source)}: {told}",
                "example", told, "", False),
    ]  # fmt: skip


def _nets(study: Transfer) -> Table:
    columns = [Column("net"), Column("architecture"), Column("training"), Column("clean", True),
               Column("95% interval"), Column("attacked")]  # fmt: skip
    rows = [
        [Cell(short(net.name)), Cell(short(net.family)),
         Cell("adversarial" if net.robust else "standard"),
         Cell(percent(net.clean.value), net.clean.value), Cell(spread(net.clean), net.clean.low),
         Cell("yes" if net.source else "no gradient")]
        for net in study.nets
    ]  # fmt: skip
    return Table("The nets", columns, rows)


def _run(study: Transfer) -> list[Fact]:
    return [
        Fact("seed", str(study.seed)),
        Fact("steps", str(study.steps)),
        Fact("targets", str(study.targets)),
        Fact("started", study.started),
        Fact("finished", study.finished),
    ]
