"""A finished audit, read from its run directory."""

import json
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import pandas as pd

from advkit.errors import InputError
from advkit.evaluate.earlier_run import check_version, maker
from advkit.evaluate.portions import SCHEMA as SHARD
from advkit.evaluate.portions import portion_in
from advkit.evaluate.record_fields import Schema, check_fields, damaged
from advkit.evaluate.run_folder import check_there, read_json

SCHEMA = "advkit/audit/1"
"""The version of the summary of an audit."""
BREAKDOWN = {"confusion", "distances", "easiest", "hardest"}
COURSES = {"steps", "low", "middle", "high", "nearest"}


def read_run(folder: Path) -> dict[str, Any]:
    """Return the summary of the finished audit in ``folder``.

    Raises InputError if there is none: no run, one of another command, or an unfinished one; also
    if a field of its record is missing or is not what the published schema says.
    """
    check_there(folder)
    run = read_json(folder, "run.json")
    if run is None:
        raise InputError(
            f"{folder} is not a run directory", "give one that advkit audit wrote", code="E313"
        )
    schema = run.get("schema", "") if isinstance(run, dict) else ""
    if not schema and isinstance(run, dict) and (run.get("command") or "made_of" in run):
        again = run.get("command") or f"the same call in Python, with out={str(folder)!r}"
        raise InputError(f"the run in {folder} has not ended", f"to resume: {again}", code="E313")
    if schema == SHARD:
        number, of_all = portion_in(run, folder)
        raise InputError(
            f"{folder} is shard {number} of {of_all} of an audit, not the whole",
            f"when all are done: advkit merge {folder.parent}",
            code="E313",
        )
    check_version(run, folder)
    if schema != SCHEMA:
        raise InputError(
            f"{folder} is a run of {maker(run)}, not of advkit audit",
            "give one that advkit audit wrote",
            code="E313",
        )
    file = folder / "run.json"
    check_fields(run, published("audit-1"), file)
    for why in _contradictions(run):
        raise damaged(file, why)
    return dict(run)


def _contradictions(run: dict[str, Any]) -> Iterator[str]:
    """Yield which fields of a summary do not agree with each other, as far as its page needs it."""
    for i, row in enumerate(run["robust"]):
        lost = run["clean"]["count"] - row["count"]
        if sum(row["added"].values()) != lost:
            yield f"robust[{i}].added does not add up to the {lost} images lost"
    if "by_class" in run and not run.keys() >= BREAKDOWN:
        yield f"{', '.join(sorted(BREAKDOWN - run.keys()))} is missing"
    edges = run.get("distances", {}).get("edges", [])
    if edges != sorted(edges):
        yield "distances.edges are not ascending"
    for i, row in enumerate(run.get("by_class", ())):
        if len(row["robust"]) != len(run["robust"]):
            yield f"by_class[{i}].robust has another length than robust"
    courses = run.get("trust", {}).get("courses") or {}
    if courses and {*courses} != COURSES:
        yield f"trust.courses has not the fields {', '.join(sorted(COURSES))}"
    if len({len(values) for values in courses.values()}) > 1:
        yield "the lists in trust.courses differ in length"


@cache
def published(name: str) -> Schema:
    """Return the JSON Schema of a summary, which ships with the reports."""
    text = (files("advkit") / "reports" / "schema" / f"{name}.json").read_text(encoding="utf-8")
    return dict(json.loads(text))


def read_samples(folder: Path) -> pd.DataFrame:
    """Return the table of `summary.per_sample` of a finished audit; raises InputError."""
    # Python parses floats exactly, pandas not in every version.
    kinds: dict[str, type] = {"id": str, "label": int, "distance": str}
    try:
        found = pd.read_csv(folder / "samples.csv", dtype=kinds, keep_default_na=False)
        return found.assign(id=found["id"], label=found["label"],
                            distance=found["distance"].map(float))  # fmt: skip
    except (OSError, ValueError, KeyError) as error:
        raise InputError(
            f"{folder / 'samples.csv'} is missing or damaged: {error}", code="E313"
        ) from error
