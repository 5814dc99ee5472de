"""The run directory: `run.json`, `results.sqlite`, `examples/`. A killed run loses at most a shard.

Examples are written first (to a temporary name, then renamed) and their rows committed after, in
one transaction with the cost of the shard, so that every row points to a file that is whole.
"""

import errno
import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
import pandas as pd
from filelock import FileLock, Timeout

from advkit.errors import InputError, ResourceError
from advkit.evaluate.run_folder import write_arrays

SCHEMA = """
CREATE TABLE IF NOT EXISTS made_of (json TEXT);
CREATE TABLE IF NOT EXISTS samples (
    position INTEGER PRIMARY KEY, id TEXT UNIQUE, label INTEGER, prediction INTEGER,
    confidence REAL, margin REAL);
CREATE TABLE IF NOT EXISTS results (
    id TEXT, attack TEXT, eps REAL, label INTEGER, prediction INTEGER, confidence REAL,
    margin REAL, L0 REAL, L1 REAL, L2 REAL, Linf REAL, fooled INTEGER, valid INTEGER,
    shard TEXT, row INTEGER, PRIMARY KEY (id, attack, eps));
CREATE TABLE IF NOT EXISTS costs (
    attack TEXT, eps REAL, shard TEXT PRIMARY KEY, tried INTEGER, forwards INTEGER,
    backwards INTEGER, seconds REAL);
CREATE TABLE IF NOT EXISTS proofs (
    id TEXT, eps REAL, lower REAL, rung TEXT, passes REAL, seconds REAL, PRIMARY KEY (id, eps));
CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, json TEXT);
"""

MARK = 0x61647631  # "adv1", in the header of the ledger: this database is ours
FILES = (
    "run.json",
    "report.html",
    "cards.json",
    "cards.npz",
    "samples.csv",
    "table.csv",
    "examples.npz",
)
OURS = (
    "results.sqlite",
    "results.sqlite-wal",
    "results.sqlite-shm",
    *(name + end for name in FILES for end in ("", ".tmp")),
)
BESIDE = {".lock", "examples", "figures", "sounds"}


class Store:
    """One run directory, opened for writing by one process at a time (`open_store`)."""

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self.path = path
        self._connection = connection

    def frame(self, table: str) -> pd.DataFrame:
        """Return the table ``samples``, ``results``, ``costs`` or ``proofs`` in a stable order."""
        order = {
            "samples": "position",
            "results": "eps, attack, id",
            "costs": "rowid",
            "proofs": "eps, id",
        }[table]
        query = f"SELECT * FROM {table} ORDER BY {order}"  # noqa: S608
        frame = pd.read_sql_query(query, self._connection)
        flags = {name: bool for name in ("fooled", "valid") if name in frame}
        return frame.astype(flags)

    def add_samples(self, frame: pd.DataFrame) -> None:
        """Commit the clean rows: position, id, label, prediction, confidence, margin."""
        with self._commit():
            self._insert("samples", frame)

    def add_shard(
        self, shard: str, rows: pd.DataFrame, examples: np.ndarray, cost: dict[str, Any]
    ) -> None:
        """Save ``examples`` (float32) of the rows with row >= 0, then commit rows and cost."""
        if len(examples):
            self._save_examples(shard, examples)
        with self._commit():
            self._insert("results", rows.assign(shard=shard))
            self._insert("costs", pd.DataFrame([{**cost, "shard": shard}]))

    def add_proofs(self, frame: pd.DataFrame) -> None:
        """Commit what was proved: id, eps, lower, rung, passes, seconds."""
        with self._commit():
            self._insert("proofs", frame)

    def example(self, shard: str, row: int) -> np.ndarray:
        """Return one saved example, as it was judged."""
        return self.examples(shard, np.array([row]))[0]  # type: ignore[no-any-return]

    def examples(self, shard: str, rows: np.ndarray) -> np.ndarray:
        """Return the saved examples of a shard at these ``rows``; the file is read once."""
        if (rows < 0).any():
            raise self._damaged(shard)
        try:
            with np.load(self._file(shard), allow_pickle=False) as saved:
                return saved["x_adv"][rows]  # type: ignore[no-any-return]
        except (OSError, EOFError, ValueError, KeyError, IndexError, BadZipFile) as error:
            raise self._damaged(shard) from error

    def _damaged(self, shard: str) -> InputError:
        return InputError(f"{self._file(shard)} is missing or damaged", "--fresh begins anew")

    def made_of(self) -> dict[str, Any] | None:
        """Return what the rows here depend on, or None where there are none yet."""
        row = self._connection.execute("SELECT json FROM made_of").fetchone()
        return json.loads(row[0]) if row else None

    def set_made_of(self, made_of: dict[str, Any]) -> None:
        """Commit what the rows to come depend on; beside them, so that neither is there alone."""
        with self._commit():
            self._connection.execute("INSERT INTO made_of VALUES (?)", [json.dumps(made_of)])

    def fact(self, name: str) -> Any:
        """Return what was found out under this name, or None."""
        row = self._connection.execute("SELECT json FROM facts WHERE name = ?", [name]).fetchone()
        return json.loads(row[0]) if row else None

    def set_fact(self, name: str, value: Any) -> None:
        """Commit what was found out, to be known when the run goes on."""
        with self._commit():
            self._connection.execute("INSERT INTO facts VALUES (?, ?)", [name, json.dumps(value)])

    def _file(self, shard: str) -> Path:
        return self.path / "examples" / f"{shard}.npz"

    def _save_examples(self, shard: str, examples: np.ndarray) -> None:
        file = self._file(shard)
        file.parent.mkdir(exist_ok=True)
        write_arrays(file, x_adv=examples)

    def _insert(self, table: str, frame: pd.DataFrame) -> None:
        names = ", ".join(frame.columns)
        marks = ", ".join("?" * len(frame.columns))
        statement = f"INSERT INTO {table} ({names}) VALUES ({marks})"  # noqa: S608
        plain = frame.astype(object).to_numpy().tolist()
        self._connection.executemany(statement, plain)

    @contextmanager
    def _commit(self) -> Iterator[None]:
        with self._connection:
            yield


@contextmanager
def open_store(path: Path, *, fresh: bool = False) -> Iterator[Store]:
    """Open or make the run directory ``path``; ``fresh`` discards an earlier run in it.

    Raises InputError for a directory that is not a run's, is read-only or is in use, and
    ResourceError when the disk is full.
    """
    _check_place(path)
    lock = FileLock(path / ".lock", timeout=0)
    try:
        with lock, _translated(path):
            if fresh:
                _discard(path)
            with closing(sqlite3.connect(path / "results.sqlite")) as connection:
                _claim(connection, path)
                yield Store(path, connection)
    except Timeout as error:
        raise InputError(f"the run directory {path} is in use", "wait for the other run") from error


def _check_place(path: Path) -> None:
    if path.exists() and not path.is_dir():
        raise InputError(f"--out {path} is a file", "give a directory")
    there = {file.name for file in path.iterdir()} if path.is_dir() else set()
    if there - {*OURS, *BESIDE}:
        raise InputError(f"--out {path} holds other files", "give a new or an empty directory")
    try:
        path.mkdir(parents=True, exist_ok=True)
        (path / ".lock").touch()
    except OSError as error:
        raise InputError(f"cannot write to --out {path}: {error.strerror}") from error


def _claim(connection: sqlite3.Connection, path: Path) -> None:
    """Make the tables of a new ledger; raise InputError if the database is somebody else's."""
    (mark,) = connection.execute("PRAGMA application_id").fetchone()
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if tables and mark != MARK:
        raise InputError(f"{path / 'results.sqlite'} is not of advkit", "give another --out")
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute(f"PRAGMA application_id = {MARK}")
    connection.executescript(SCHEMA)


def _discard(path: Path) -> None:
    inside = [file for name in ("examples", "sounds") for file in sorted((path / name).glob("*"))]
    for file in [path / name for name in OURS] + inside:
        file.unlink(missing_ok=True)


@contextmanager
def _translated(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.DatabaseError as error:
        if "full" in str(error):
            raise _full(path) from error
        raise InputError(f"{path / 'results.sqlite'} cannot be used: {error}") from error
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise _full(path) from error
        raise


def _full(path: Path) -> ResourceError:
    return ResourceError(
        f"the disk is full at {path}", "finished shards are safe: make room, run the same again"
    )
