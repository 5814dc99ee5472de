"""The overview of all finished audits below a directory."""

import os
from pathlib import Path
from typing import Any
from urllib.parse import quote

from advkit.errors import AdvkitError, EmptyError, InputError
from advkit.evaluate.finished_audit import read_run
from advkit.evaluate.portions import SCHEMA as SHARD
from advkit.evaluate.run_folder import read_json
from advkit.numbers import several
from advkit.reports.overview import Entry
from advkit.reports.tables import Interval, interval_of


def entries_below(root: Path, page: Path) -> tuple[list[Entry], list[str]]:
    """Return the audits in ``root`` and its directories, and the runs left out, with the reason.

    ``page`` is the path of the overview, to which links are relative. Raises InputError if ``root``
    does not exist, EmptyError if it holds no audit.
    """
    if not root.is_dir():
        raise InputError(
            f"there is no directory {root}", "give one that holds run directories", code="E301"
        )
    entries: list[Entry] = []
    passed_over: list[str] = []
    others: list[str] = []
    for file in sorted(root.rglob("run.json")):
        try:
            if _is_shard(file.parent):
                passed_over += _unmerged(file.parent.parent)
            elif other := _other_command(file.parent):
                others.append(other)
            else:
                entries.append(_entry(file.parent, read_run(file.parent), root, page))
        except AdvkitError as error:
            passed_over.append(str(error))
        except (KeyError, TypeError, ValueError, IndexError) as error:
            passed_over.append(f"{file} is damaged: {type(error).__name__} {error}")
    if others:
        named = ", ".join(sorted({*others}))
        passed_over.append(f"{several(len(others), 'run')} of other commands ({named})")
    if not entries:
        hint = "; ".join(list(dict.fromkeys(passed_over))[:3])
        raise EmptyError(f"there is no finished audit in {root}", hint)
    return entries, list(dict.fromkeys(passed_over))


def _is_shard(folder: Path) -> bool:
    record = read_json(folder, "run.json")
    return isinstance(record, dict) and record.get("schema") == SHARD


def _other_command(folder: Path) -> str:
    """Return the command of a finished run other than an audit; '' for audits or if unknown."""
    record = read_json(folder, "run.json")
    schema = str(record.get("schema", "")) if isinstance(record, dict) else ""
    name = schema.removeprefix("advkit/").partition("/")[0]
    return "" if name == "audit" else str(record.get("kind", name)) if name else ""


def _unmerged(folder: Path) -> list[str]:
    """Return a note for an unmerged shard in ``folder``; none if the merged run is there."""
    told = f"{folder} holds shards of an audit; when all are done: advkit merge {folder}"
    return [] if (folder / "run.json").exists() else [told]


def _entry(folder: Path, run: dict[str, Any], root: Path, page: Path) -> Entry:
    last = run["robust"][-1]
    curve = [(at["eps"], interval_of(at)) for at in run["curve"]]
    report = folder / "report.html"
    way = os.path.relpath(report.resolve(), page.resolve().parent)
    return Entry(
        model=run["model"]["name"],
        data=run["data"]["name"],
        images=run["data"]["sha256"],
        norm=run["norm"],
        eps=last["eps"],
        clean=Interval(**run["clean"]),
        robust=interval_of(last),
        curve=curve,
        suite=run["suite"],
        finished=run["finished"],
        folder=str(folder.relative_to(root)) or ".",
        link=quote(way.replace(os.sep, "/")) if report.exists() else "",
    )
