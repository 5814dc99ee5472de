"""The run directory: who may write there, and its JSON and text files, each replaced atomically."""

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import pandas as pd

from advkit.errors import InputError, did_you_mean

SCHEMA = "advkit/audit/1"
"""The version of the summary of an audit."""


def read_json(folder: Path, name: str) -> Any:
    """Return the content of a JSON file of the run, None if there is none.

    Raises InputError if it is damaged.
    """
    file = folder / name
    if not file.exists():
        return None
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except (ValueError, OSError) as error:
        raise InputError(
            f"{file} is damaged: {error}", "--fresh starts again", code="E313"
        ) from error


def check_there(folder: Path) -> None:
    """Raise InputError, with the directory that may be meant, if ``folder`` is no directory."""
    if folder.is_dir():
        return
    beside = [path.name for path in folder.parent.glob("*/")] if folder.parent.is_dir() else []
    hint = did_you_mean(folder.name, beside) if beside else "give a run directory"
    raise InputError(f"there is no directory {folder}", hint, code="E301")


def make_place(out: Path, strange: Callable[[set[str]], bool]) -> None:
    """Create the run directory ``out`` if needed.

    Raises InputError if it is a file, cannot be created, or if ``strange`` holds for its content.
    """
    if out.exists() and not out.is_dir():
        raise InputError(f"--out {out} is a file", "give a directory", code="E311")
    make_folder(out)
    with writing_to(out):
        there = {file.name for file in out.iterdir()}
    if strange(there):
        hint = "give a new or an empty directory"
        raise InputError(f"--out {out} holds other files", hint, code="E311")


def make_folder(out: Path) -> None:
    """Create ``out`` and its parents if needed; raises InputError."""
    with writing_to(out):
        out.mkdir(parents=True, exist_ok=True)


@contextmanager
def folder_for(out: Path) -> Iterator[None]:
    """Create ``out`` before the block; remove it if the block fails with nothing written."""
    new = not out.exists()
    make_folder(out)
    try:
        yield
    except BaseException:
        if new and not any(out.iterdir()):
            out.rmdir()
        raise


def earlier(out: Path, *, fresh: bool, **kind: str) -> dict[str, Any] | None:
    """Return the record of the run in ``out``; None if there is none, or with ``fresh``.

    Raises InputError if it is not a run of this ``kind`` (schema and kind in its record): --fresh
    may replace only runs of the same command.
    """
    try:
        found = read_json(out, "run.json")
    except InputError:
        if fresh:
            return None
        raise
    if found is not None and not (isinstance(found, dict) and kind.items() <= found.items()):
        raise _another_kind(out)
    return None if fresh else found


def check_own(out: Path, command: str, *, fresh: bool) -> None:
    """Raise InputError if ``out`` holds a run with a ledger that another command made.

    ``command`` is audit, attack or certify; see `earlier`.
    """
    try:
        found = read_json(out, "run.json")
    except InputError:
        if fresh:
            return
        raise
    if found is not None and _command_of(found) != command:
        raise _another_kind(out)


def _command_of(record: Any) -> str:
    """Return the command that made a run: from the schema, or from ``made_of`` if unfinished."""
    if not isinstance(record, dict):
        return ""
    name = str(record.get("schema", "")).removeprefix("advkit/").partition("/")[0]
    name = name or record.get("made_of", {}).get("kind", "audit")
    return {"shard": "audit", "smooth": "certify", "query": "transfer"}.get(name, name)


def maker(record: Any) -> str:
    """Return the command that wrote the record of a run, in words."""
    name = _command_of(record)
    return {"pictures": "a picture command", "": "another tool"}.get(name, f"advkit {name}")


def _another_kind(out: Path) -> InputError:
    return InputError(f"--out {out} holds another kind of run", "give another --out", code="E311")


@contextmanager
def writing_to(out: Path) -> Iterator[None]:
    """Convert OSErrors of the block into an InputError."""
    try:
        yield
    except OSError as error:
        why = f"cannot write to --out {out}: {error.strerror}"
        raise InputError(why, code="E311") from error


def no_run(*before: str) -> Callable[[set[str]], bool]:
    """Return a test for names without `run.json`, other than those that a run writes ``before``."""

    def strange(there: set[str]) -> bool:
        left = {name for name in there if not name.endswith(".tmp")}
        return "run.json" not in left and not left <= {*before}

    return strange


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
    if schema != SCHEMA and str(schema).startswith(SCHEMA[:-1]):
        raise InputError(
            f"{folder} is an audit by another version of advkit: its summary is {schema}, this one "
            f"reads {SCHEMA}",
            "update advkit",
            code="E313",
        )
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


def write_json(folder: Path, name: str, content: Any) -> Path:
    """Replace a JSON file of the run; return its path."""
    return write_text(folder, name, json.dumps(content, indent=2) + "\n")


def write_text(folder: Path, name: str, text: str) -> Path:
    """Replace a text file of the run; return its path."""
    temporary = folder / f"{name}.tmp"
    temporary.write_text(text, encoding="utf-8")
    return temporary.replace(folder / name)


def replaced(file: Path, write: Callable[[BinaryIO], Any]) -> Path:
    """Replace a binary file by what ``write`` writes, once that is on disk; return its path."""
    temporary = file.with_name(f"{file.name}.tmp")
    with temporary.open("wb") as out:
        write(out)
        out.flush()
        os.fsync(out.fileno())
    return temporary.replace(file)
