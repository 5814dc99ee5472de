"""Merge the shards of a run, each in its own directory, into one run that can be resumed."""

import shlex
import shutil
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from advkit.errors import InputError
from advkit.evaluate.fingerprint import check_same
from advkit.evaluate.portions import SCHEMA, portion_in
from advkit.evaluate.run_folder import read_json, replaced, write_json
from advkit.evaluate.run_progress import note_start
from advkit.evaluate.store import Store, open_store

TABLES = ("samples", "results", "costs", "proofs", "facts")


def shards_in(folder: Path) -> list[Path]:
    """Return the directories of shards within that of a run."""
    return sorted(folder.glob("shard-*-of-*/"))


def merge(folders: Sequence[Path], out: Path) -> str:
    """Merge rows and examples of all shards into ``out``; return the command that finishes it.

    Rows of an earlier merge in ``out`` are kept. Raises InputError if a shard is invalid,
    unfinished, missing or duplicated, if shards are of different runs (the differences are listed),
    or if ``out`` holds a run that no merge made.
    """
    records = [_record(folder) for folder in folders]
    _check_all(folders, records)
    with open_store(out) as store:
        made_of = _made_of(folders, store)
        _claim(store)
        if store.made_of() is None:
            store.set_made_of(made_of)
        for folder in folders:
            _take(store, folder)
        command = str(records[0].get("command", ""))
        note_start(out, _without_shard(command))
        about = {key: value for key, value in records[0].items() if key not in ("schema", "shard")}
        write_json(out, "run.json", {**about, "command": _without_shard(command), "finished": ""})
    return _without_shard(command)


def _record(folder: Path) -> dict[str, Any]:
    record = read_json(folder, "run.json")
    if not isinstance(record, dict):
        raise InputError(f"{folder} is not a run directory", "give those of --shard")
    if record.get("schema") != SCHEMA:
        if "schema" in record:
            raise InputError(f"the run in {folder} is not a shard", "give those of --shard")
        raise InputError(f"the run in {folder} has not ended", f"to resume: advkit resume {folder}")
    return record


def _check_all(folders: Sequence[Path], records: Sequence[dict[str, Any]]) -> None:
    """Raise InputError unless the shards are 1/n to n/n, each once."""
    if not records:
        raise InputError("there are no shards to merge", "give the directories that --shard wrote")
    found = [portion_in(*one) for one in zip(records, folders, strict=True)]
    of_all = found[0][1]
    other = [folder for folder, one in zip(folders, found, strict=True) if one[1] != of_all]
    if other:
        raise InputError(f"{folders[0]} is one of {of_all} shards, {other[0]} is not")
    numbers = sorted(number for number, _ in found)
    missing = sorted(set(range(1, of_all + 1)) - set(numbers))
    if missing:
        names = ", ".join(f"{i}/{of_all}" for i in missing)
        raise InputError(f"of {of_all} shards these are missing: {names}", "run them: --shard i/n")
    if len(numbers) > of_all:
        raise InputError(f"a shard is given twice: {', '.join(map(str, numbers))}")


def _made_of(folders: Sequence[Path], store: Store) -> dict[str, Any]:
    first: dict[str, Any] | None = store.made_of()
    where = str(store.path)
    for folder in folders:
        with open_store(folder) as shard:
            made_of = shard.made_of()
        if first is None:
            first, where = made_of, str(folder)
        check_same(first or {}, made_of or {}, f"{where} (then) and {folder} (now):")
    return first or {}


def _claim(store: Store) -> None:
    """Raise InputError for a run that no merge made: file names would clash."""
    if store.fact("merged"):
        return
    if store.made_of() is not None:
        raise InputError(
            f"{store.path} holds a run already, not one of shards",
            "give an --out that does not exist yet", code="E313",
        )  # fmt: skip
    store.set_fact("merged", True)


def _take(store: Store, folder: Path) -> None:
    """Copy the examples of a shard, then commit its rows, so that no row lacks its file."""
    (store.path / "examples").mkdir(exist_ok=True)
    for file in sorted((folder / "examples").glob("*.npz")):
        with file.open("rb") as saved:
            replaced(store.path / "examples" / file.name, partial(shutil.copyfileobj, saved))
    store.take_rows(folder / "results.sqlite", TABLES)


def _without_shard(command: str) -> str:
    kept: list[str] = []
    words = shlex.split(command)
    for word, before in zip(words, ["", *words], strict=False):
        if not word.startswith("--shard") and before != "--shard":
            kept.append(word)
    return shlex.join(kept)
