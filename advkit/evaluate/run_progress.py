"""The progress of a run for other processes: `progress.json`, and whether the run is active."""

import os
import platform
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from advkit.errors import InputError
from advkit.evaluate.earlier_run import TEXT, maker, record_of
from advkit.evaluate.fingerprint import now
from advkit.evaluate.ledger import reading
from advkit.evaluate.record_fields import Schema, check_fields
from advkit.evaluate.run_folder import read_json, write_json
from advkit.evaluate.stage_context import Progress

NAME = "progress.json"
OFTEN = 0.5
"""Minimum seconds between two writes of `progress.json`."""
COSTLY = 50
"""An estimate is repeated after this many times the time that it took."""


AMOUNT = {"type": "number", "minimum": 0}
FIELDS: Schema = {
    "type": "object",
    "properties": {
        **dict.fromkeys(("command", "directory", "stage", "updated"), TEXT),
        **dict.fromkeys(("done", "total", "seconds"), AMOUNT),
        "left": {"type": ["number", "null"]},
    },
}


def noted_in(folder: Path) -> dict[str, Any]:
    """Return the content of `progress.json`, {} if there is none; raises InputError."""
    found = read_json(folder, NAME)
    if found is None:
        return {}
    check_fields(found, FIELDS, folder / NAME)
    return dict(found)


def note_start(folder: Path, command: str) -> None:
    """Write the command and working directory of the run, for `advkit resume`."""
    about = {"command": command, "directory": str(Path.cwd()), "pid": os.getpid()}
    write_json(folder, NAME, {**about, "host": platform.node(), "updated": now()})


class Tracker:
    """A `Progress` that also writes progress and estimated time left to the run directory.

    ``estimate`` returns the seconds left, or None if unknown.
    """

    def __init__(self, folder: Path, progress: Progress) -> None:
        self._folder, self._progress = folder, progress
        self._began = self._noted = time.monotonic()
        self._left: float | None = None
        self._next_estimate = self._left_at = 0.0
        self.estimate: Callable[[], float | None] = lambda: None

    def __call__(self, what: str, done: int, total: int) -> None:
        """Report that ``done`` of ``total`` samples have finished the stage ``what``."""
        self._progress(what, done, total)
        at = time.monotonic()  # the wall clock may jump
        if at >= self._next_estimate:
            self._left = self.estimate()
            self._next_estimate = time.monotonic() + COSTLY * (time.monotonic() - at)
            self._left_at = at
        if at - self._noted > OFTEN or done >= total:
            self._noted = at
            self._note(what, done, total)

    def _note(self, what: str, done: int, total: int) -> None:
        before = noted_in(self._folder)
        left = None if self._left is None else max(self._left - (self._noted - self._left_at), 0)
        write_json(self._folder, NAME, {
            **before, "stage": what, "done": done, "total": total, "updated": now(),
            "seconds": self._noted - self._began, "left": left,
        })  # fmt: skip


def is_running(folder: Path) -> bool:
    """Return whether a process holds the lock of the run directory."""
    if not (folder / ".lock").exists():
        return False
    try:
        with FileLock(folder / ".lock", timeout=0):
            return False
    except Timeout:
        return True
    except OSError:
        return False  # not writable, so no run of this user is active


def state_of(folder: Path) -> dict[str, Any]:
    """Return the state of a run: running, stopped, failed or done.

    ``state``, ``samples`` (judged when clean), ``stages`` (a row per attack and eps: tried, fooled,
    passes per sample, seconds), ``failed`` units, and the values of `note_start` and `Tracker`.
    Reads only. Raises InputError if there is no run, or if its ledger cannot be read.
    """
    if not (folder / "results.sqlite").exists():
        raise _without_progress(folder)
    running = is_running(folder)
    record, noted = record_of(folder), noted_in(folder)
    with reading(folder) as connection:
        stages, failed = _stages(connection), _count(connection, "failures")
        samples = _count(connection, "samples")
    done = bool(record.get("finished")) and "schema" in record
    state = "running" if running else "done" if done else "failed" if failed else "stopped"
    command = noted.get("command") or record.get("command", "")
    n = record.get("data", {}).get("n")
    return {**noted, "state": state, "command": command, "n": n, "samples": samples,
            "stages": stages, "failed": failed}  # fmt: skip


def _without_progress(folder: Path) -> InputError:
    record = read_json(folder, "run.json")
    if record is not None:
        return InputError(
            f"{folder} is a run of {maker(record)}, whose progress is not recorded",
            f"see its files: ls {folder}",
        )
    return InputError(f"{folder} is not a run directory", "give one that advkit wrote; "
                      "all about an attack: advkit show attack NAME")  # fmt: skip


def _stages(connection: sqlite3.Connection) -> list[dict[str, Any]]:
    costs = connection.execute(
        "SELECT attack, eps, sum(tried), sum(forwards + backwards), sum(seconds) FROM costs "
        "GROUP BY attack, eps ORDER BY min(rowid)"
    ).fetchall()
    fooled = "SELECT count(*) FROM results WHERE attack = ? AND eps = ? AND fooled AND valid"
    return [
        {
            "attack": attack,
            "eps": eps,
            "tried": tried,
            "fooled": connection.execute(fooled, [attack, eps]).fetchone()[0],
            "passes": passes / tried,
            "seconds": seconds,
        }
        for attack, eps, tried, passes, seconds in costs
    ]


def _count(connection: sqlite3.Connection, table: str) -> int:
    try:
        (count,) = connection.execute(f"SELECT count(*) FROM {table}").fetchone()  # noqa: S608
    except sqlite3.OperationalError:
        return 0  # the ledger is older, or still empty
    return int(count)
