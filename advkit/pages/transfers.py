"""The page of a finished transfer study, from its files."""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from advkit.benchmarks.likeness import PREDICTORS
from advkit.benchmarks.transfer_summary import NOISE
from advkit.data.samples import class_name
from advkit.errors import InputError
from advkit.evaluate.record_fields import check_fields, damaged
from advkit.evaluate.run_folder import read_json, write_text
from advkit.evaluate.saved_arrays import arrays
from advkit.pages.transfer_fields import QUERY, TRANSFER, contradictions
from advkit.reports import LabelAudit, query_page, transfer_page
from advkit.reports.tables import Interval, interval_of
from advkit.reports.transfer_tables import (
    Between,
    Method,
    NetRow,
    OneImage,
    Predictor,
    Transfer,
)


def write_page(folder: Path) -> Path:
    """Write `report.html` into the run directory of a study; return its path."""
    return write_text(folder, "report.html", transfer_page(study_of(folder)))


def write_query_page(folder: Path) -> Path:
    """Write `report.html` into the run directory of a label-query audit; return its path."""
    run = read_json(folder, "run.json") or {}
    if "rounds" not in run:
        raise InputError(
            f"{folder} holds no finished audit by labels", "run advkit transfer", code="E313"
        )
    check_fields(run, QUERY, folder / "run.json")
    shares: dict[str, Any] = {
        name: interval_of(run[name]) for name in ("clean", "noise", "white_box")
    }
    rounds = [
        (row["queries"], row["agreement"], interval_of(row["success"])) for row in run["rounds"]
    ]
    rest: dict[str, Any] = {
        name: run[name]
        for name in LabelAudit.__dataclass_fields__
        if name not in ("rounds", *shares)
    }
    page = query_page(LabelAudit(rounds=rounds, **shares, **rest))
    return write_text(folder, "report.html", page)


def study_of(folder: Path) -> Transfer:
    """Return the data of the run directory of a finished study; raises InputError."""
    run = read_json(folder, "run.json") or {}
    if "verdict" not in run:
        raise InputError(
            f"{folder} holds no finished study of transfer", "run advkit transfer", code="E313"
        )
    check_fields(run, TRANSFER, folder / "run.json")
    for why in contradictions(run):
        raise damaged(folder / "run.json", why)
    clean = {row["name"]: interval_of(row) for row in run["clean"]}
    cells = [(row["targeted"], Between(row["source"], row["target"], _cell(row)))
             for row in run["cells"] if row["attack"] == run["shown"]]  # fmt: skip
    return Transfer(
        noise=NOISE,
        eps=run["main_eps"],
        nets=[NetRow(net["name"], net["family"], clean[net["name"]], net["source"], net["robust"])
              for net in run["nets"]],
        methods=[_method(row) for row in run["ranked"]],
        cells=[cell for targeted, cell in cells if not targeted],
        targeted=[cell for targeted, cell in cells if targeted],
        curves=_curves(run["curves"]),
        itself=_successes(run["itself"], "eps"),
        by_target=_successes(run["by_target"], "name"),
        by_source=_successes(run["by_source"], "name"),
        robust_gap=[(row["sources"], row["targets"], interval_of(row["success"]))
                    for row in run["robust_gap"]],
        predictors=[Predictor(row["name"], PREDICTORS[row["name"]], row["rho"], row["p"],
                              row["pairs"]) for row in run["predictors"]],
        points=[(row["source"], row["target"], bool(row["family"]), row["gradient"],
                 row["success"]) for row in run["scatter"]],
        ensembles=_successes(run["ensembles"], "sources"),
        image=_one_image(folder, run["classes"]),
        **{name: run[name] for name in (
            "verdict", "shown", "norm", "data", "training", "seed", "steps", "targets", "command",
            "environment", "notes", "started", "finished", "findings")},
    )  # fmt: skip


def _successes(rows: Sequence[Mapping[str, Any]], by: str) -> list[tuple[Any, Interval]]:
    return [(row[by], interval_of(row["success"])) for row in rows]


def _curves(points: Sequence[Mapping[str, Any]]) -> dict[str, list[tuple[float, Interval]]]:
    by_attack: dict[str, list[tuple[float, Interval]]] = {}
    for point in points:
        found = by_attack.setdefault(point["attack"], [])
        found.append((point["eps"], interval_of(point["success"])))
    return by_attack


def _cell(row: Mapping[str, Any]) -> Interval:
    return Interval(row["success"], row["low"], row["high"], row["count"], row["n"])


def _method(row: Mapping[str, Any]) -> Method:
    shares = {name: interval_of(row[name]) if row[name] else None
              for name in ("success", "white_box", "targeted")}  # fmt: skip
    rest = {name: row[name] for name in ("attack", "same_class", "same_by_chance", "forwards",
                                         "backwards")}  # fmt: skip
    return Method(**shares, **rest)  # type: ignore[arg-type]


def _one_image(folder: Path, classes: Sequence[str]) -> OneImage | None:
    told = read_json(folder, "one_image.json")
    if not told:
        return None
    with arrays(folder / "one_image.npz") as saved:
        clean, adversarial = saved["clean"], saved["adversarial"]
    if clean.ndim != 3:
        return None

    name = partial(class_name, classes)
    return OneImage(
        sample=told["sample"],
        label=name(told["label"]),
        clean=clean.transpose(1, 2, 0),
        adversarial=[each.transpose(1, 2, 0) for each in adversarial],
        sources=told["sources"],
        nets=told["nets"],
        said=[[name(index) for index in row] for row in told["said"]],
        fooled=told["fooled"],
    )


PAGES = {"advkit/transfer/1": write_page, "advkit/query/1": write_query_page}
"""The function that writes the page of a run directory, by the schema of its `run.json`."""
