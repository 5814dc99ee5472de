"""The page of a finished run of `advkit certify`, from its files."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from advkit.data.samples import class_name
from advkit.errors import InputError
from advkit.evaluate.run_folder import read_json, write_text
from advkit.reports.certificate import Certificate, Proved, certificate_page
from advkit.reports.tables import Interval, interval_of

SCHEMA = "advkit/certify/1"


def write_certificate(folder: Path) -> Path:
    """Write `report.html` into the run directory; return its path.

    Raises InputError if the run is not one of `advkit certify`.
    """
    run = read_json(folder, "run.json")
    if not isinstance(run, dict) or run.get("schema") != SCHEMA:
        raise InputError(f"{folder} holds no finished run of advkit certify", code="E313")
    return write_text(folder, "report.html", certificate_page(certificate_of(run)))


def certificate_of(run: Mapping[str, Any]) -> Certificate:
    """Return the data of the page from a summary by `advkit.evaluate.certify_run`."""
    classes = run["model"]["classes"]
    return Certificate(
        clean=Interval(**run["clean"]),
        proved=[_proved(row) for row in run["certified"]],
        curve=[(row["eps"], interval_of(row)) for row in run["curve"]],
        open=[
            (row["id"], class_name(classes, row["label"]), row["certified"], row["lower"])
            for row in run["open"]
        ],
        draws=_draws(run) if "sigma" in run else {},
        **{
            name: run[name]
            for name in (
                "verdict", "model", "data", "norm", "method", "rounding", "command",
                "environment", "notes", "started", "finished",
            )
        },
    )  # fmt: skip


def _draws(run: Mapping[str, Any]) -> dict[str, str]:
    return {
        "smoothed by": f"normal noise of deviation {run['sigma']:g}",
        "draws": f"{run['draws']:,} for each image, seed {run['seed']}",
        "confi\u00addence": f"{1 - run['doubt']:.3%} for each image",
    }


def _proved(row: Mapping[str, Any]) -> Proved:
    by_rung = {name: told["certified"] for name, told in row["rungs"].items()}
    return Proved(row["eps"], interval_of(row), row["tried"], by_rung, row["seconds"])
