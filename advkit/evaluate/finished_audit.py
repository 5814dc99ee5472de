"""A finished audit, read from its run directory."""

from pathlib import Path
from typing import Any

import pandas as pd

from advkit.errors import InputError
from advkit.evaluate.earlier_run import check_version, maker
from advkit.evaluate.run_folder import check_there, read_json

SCHEMA = "advkit/audit/1"
"""The version of the summary of an audit."""


def read_run(folder: Path) -> dict[str, Any]:
    """Return the summary of the finished audit in ``folder``.

    Raises InputError if there is none: no run, one of another command, or an unfinished one.
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
    if schema == "advkit/shard/1":
        number, of_all = run["shard"]
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
    return dict(run)


def read_samples(folder: Path) -> pd.DataFrame:
    """Return the table of `summary.per_sample` of a finished audit; raises InputError."""
    # Python parses floats exactly, pandas not in every version.
    words = {"id": str, "distance": str}
    try:
        found = pd.read_csv(folder / "samples.csv", dtype=words, keep_default_na=False)
        return found.assign(distance=found["distance"].map(float))
    except (OSError, ValueError, KeyError) as error:
        raise InputError(
            f"{folder / 'samples.csv'} is missing or damaged: {error}", code="E313"
        ) from error
