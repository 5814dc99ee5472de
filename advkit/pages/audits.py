"""The page of a finished audit, from its files."""

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from advkit.attacks import ATTACKS, attack_card
from advkit.data.samples import class_name
from advkit.evaluate.finished_audit import read_run
from advkit.evaluate.run_folder import write_text
from advkit.pages.exhibits import shown_of
from advkit.reports import audit_page
from advkit.reports.tables import (
    AttackRow,
    Audit,
    Bracket,
    Breakdown,
    Check,
    Courses,
    Interval,
    Proofs,
    Trust,
    interval_of,
)
from advkit.reports.threat_taxonomies import mapped
from advkit.reports.words import bare


def write_report(folder: Path) -> Path:
    """Write `report.html` into the run directory; return its path."""
    return write_text(folder, "report.html", page_of(folder))


def page_of(folder: Path) -> str:
    """Return the page of the audit in ``folder``; raises InputError if it is none."""
    run = read_run(folder)
    classes = run["model"]["classes"]
    return audit_page(audit_of(run), *shown_of(folder, classes))


def audit_of(run: Mapping[str, Any]) -> Audit:
    """Return the data of the page from a summary by `summarise`."""
    return Audit(
        clean=Interval(**run["clean"]),
        robust=_by_eps(run["robust"]),
        curve=_by_eps(run["curve"]),
        added={row["eps"]: row["added"] for row in run["robust"]},
        attacks=[AttackRow(**row) for row in run["attacks"]],
        maps_to=_maps_to(run["options"]),
        trust=_trust(run["trust"]) if "trust" in run else None,
        breakdown=_breakdown(run) if "by_class" in run else None,
        bracket=_bracket(run["bracket"]) if "bracket" in run else None,
        band=run.get("band"),
        needed=run.get("needed"),
        **{
            name: run[name]
            for name in (
                "verdict", "model", "data", "norm", "suite", "seed", "command", "environment",
                "notes", "started", "finished",
            )
        },
    )  # fmt: skip


def _trust(told: Mapping[str, Any]) -> Trust:
    checks = [Check(**check) for check in told["checks"]]
    courses = Courses(**told["courses"]) if told.get("courses") else None
    return Trust(told["overall"], told["headline"], checks, courses)


def _breakdown(run: Mapping[str, Any]) -> Breakdown:
    name, at = partial(class_name, run["model"]["classes"]), run["distances"]
    picked = {
        key: [(one["id"], name(one["label"]), one["distance"]) for one in run[key]]
        for key in ("easiest", "hardest")
    }
    return Breakdown(
        by_class=[
            (name(row["class"]), Interval(**row["clean"]), [Interval(**r) for r in row["robust"]])
            for row in run["by_class"]
        ],
        confusion=[
            (name(row["label"]), name(row["read_as"]), row["images"]) for row in run["confusion"]
        ],
        distances=at["counts"],
        # Runs of older versions have equal bins.
        edges=at.get("edges") or np.linspace(0, at["high"], len(at["counts"]) + 1).tolist(),
        beyond=at["beyond"],
        **picked,
    )


def _bracket(told: Mapping[str, Any]) -> Bracket:
    names = ("eps", "fooled", "open", "tried", "passes", "seconds", "why")
    rows = zip(told["certified"], _by_eps(told["certified"]), strict=True)
    by_eps = [
        Proofs(certified=share, **{name: row[name] for name in names}) for row, (_, share) in rows
    ]
    return Bracket(told["why"], by_eps, _by_eps(told["curve"]))


def _maps_to(labels: Iterable[str]) -> dict[str, str]:
    names = [name for name in map(bare, labels) if name in ATTACKS]
    return mapped(attack_card(name, ATTACKS[name]).knows for name in names)


def _by_eps(rows: Sequence[Mapping[str, Any]]) -> list[tuple[float, Interval]]:
    return [(row["eps"], interval_of(row)) for row in rows]
