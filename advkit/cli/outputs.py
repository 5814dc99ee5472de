"""Output files of a command besides the run directory, and the gate at its end."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from advkit.cli.failures import GateError
from advkit.errors import EmptyError, InputError, naming

if TYPE_CHECKING:
    from advkit.evaluate.requirements import Outcome

FORMATS = (".html", ".md", ".xml", ".json", ".csv")


def check_folder(file: Path, option: str) -> None:
    """Raise InputError if the directory of ``file`` does not exist."""
    if not file.parent.is_dir():
        raise InputError(f"{option} {file}: there is no directory {file.parent}", code="E311")


def check_outputs(files: Sequence[Path]) -> None:
    """Raise BadParameter for an unknown format, InputError for a missing directory."""
    for file in files:
        if file.suffix.lower() not in FORMATS:
            ends = ", ".join(FORMATS)
            raise click.BadParameter(f"{file} ends in none of {ends}", param_hint="--output")
        check_folder(file, "--output")


def write_outputs(files: Sequence[Path], folder: Path, outcomes: Sequence["Outcome"]) -> None:
    """Write the finished run in ``folder`` to ``files``, in the formats of their suffixes."""
    for file in files:
        text = written(folder, file.suffix[1:].lower(), outcomes)
        with naming(file):
            file.write_text(text, encoding="utf-8")


def written(folder: Path, form: str, outcomes: Sequence["Outcome"] = ()) -> str:
    """Return a finished run as html, md, xml (JUnit), json, csv or card (of a model)."""
    from advkit.evaluate.finished_audit import read_run
    from advkit.pages.audits import audit_of, page_of
    from advkit.reports.text_formats import Check, junit, markdown, model_card

    run = read_run(folder)
    if form == "html":
        return page_of(folder)
    if form == "json":
        return json.dumps(run, indent=2) + "\n"
    if form == "csv":
        return _rows(folder)
    if form == "card":
        return model_card(audit_of(run))
    checks = [Check(*one) for one in outcomes]
    return (markdown if form == "md" else junit)(audit_of(run), checks)


def _rows(folder: Path) -> str:
    from advkit.evaluate.ledger import reading
    from advkit.evaluate.store import Store

    with reading(folder) as connection:
        return Store(folder, connection).frame("results").to_csv(index=False)


def gate(outcomes: Sequence["Outcome"]) -> None:
    """Raise GateError with every requirement that is not met."""
    failed = [
        f"{one.text}: measured {one.value:.3f}, its 95% interval begins at {one.low:.3f}"
        for one in outcomes
        if not one.met
    ]
    if failed:
        raise GateError(f"--require is not met: {'; '.join(failed)}")


def check_share(share: float | None) -> None:
    """Raise BadParameter for NaN, which click accepts."""
    if share is not None and share != share:
        raise click.BadParameter("nan is not a share", param_hint="--fail-under")


def better_than_chance(summary: dict[str, Any]) -> None:
    """Raise EmptyError if clean accuracy may be that of guessing: then nothing can be measured."""
    from advkit.evaluate.clean_checks import may_guess

    clean, classes = summary["clean"], summary["model"]["n_classes"]
    if may_guess(clean, classes):
        raise EmptyError(
            f"--strict: clean accuracy is {clean['value']:.3f}, and its 95% interval begins at "
            f"{clean['low']:.3f}: it may be guessing among {classes} classes",
            f"see why: advkit inspect {summary['model']['spec']} --data {summary['data']['spec']}",
        )


def share_gate(summary: dict[str, Any], least: float) -> None:
    """Raise GateError if the lower bound at the largest eps is below ``least``."""
    worst = summary["robust"][-1]
    if worst["low"] < least:
        raise GateError(
            f"--fail-under {least:g}: robust accuracy at {summary['norm']} {worst['eps']:g} is "
            f"{worst['value']:.3f}, and its 95% interval begins at {worst['low']:.3f}"
        )
