"""The store of a run: `run.json`, `results.sqlite`, `examples/`. A crash loses at most a shard.

Examples are written first (to a temporary name, then renamed). Their rows are committed after, in
one transaction with the cost of the shard, so that every row points to a complete file.
"""

import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from filelock import FileLock, Timeout

from advkit.errors import InputError
from advkit.evaluate.earlier_run import check_own
from advkit.evaluate.ledger import check_place, claim, discard, translated
from advkit.evaluate.saved_arrays import arrays, write_arrays
from advkit.evaluate.units import Failed


class Store:
    """One run directory, opened for writing by one process at a time (`open_store`)."""

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self.path = path
        self._connection = connection
        self._read: dict[str, pd.DataFrame] = {}

    def frame(self, table: str) -> pd.DataFrame:
        """Return the table of this name, in a stable order; it must not be modified.

        It is one of ``samples``, ``results``, ``costs``, ``proofs`` and ``failures``, cached until
        the next commit: a run queries the survivors hundreds of times.
        """
        if table not in self._read:
            self._read[table] = self._fresh(table)
        return self._read[table]

    def _fresh(self, table: str) -> pd.DataFrame:
        order = {
            "samples": "position",
            "results": "eps, attack, id",
            "costs": "rowid",
            "proofs": "eps, id",
            "failures": "shard",
        }[table]
        query = f"SELECT * FROM {table} ORDER BY {order}"  # noqa: S608
        frame = pd.read_sql_query(query, self._connection)
        # a column without a value has no type in pandas, and arithmetic on it fails
        columns = self._connection.execute(f"PRAGMA table_info({table})")
        reals: dict[str, type] = {name: float for _, name, kind, *_ in columns if kind == "REAL"}
        flags: dict[str, type] = {name: bool for name in ("fooled", "valid") if name in frame}
        return frame.astype(reals | flags)

    def add_samples(self, frame: pd.DataFrame) -> None:
        """Commit the clean rows: position, id, label, prediction, confidence, margin."""
        with self._commit("samples"):
            self._insert("samples", frame)

    def add_shard(
        self, shard: str, rows: pd.DataFrame, examples: np.ndarray, cost: dict[str, Any]
    ) -> None:
        """Save ``examples`` (float32) of the rows with row >= 0, then commit rows and cost."""
        if len(examples):
            self._save_examples(shard, examples)
        with self._commit("results", "costs"):
            self._insert("results", rows.assign(shard=shard))
            self._insert("costs", pd.DataFrame([{**cost, "shard": shard}]))

    def add_failure(self, failed: Failed, shard: str, ids: Sequence[str]) -> None:
        """Commit that a unit was given up, so that it is not repeated."""
        unit = failed.unit
        row = [shard, unit.label, unit.eps, json.dumps(list(ids)), failed.error, failed.attempts]
        with self._commit("failures"):
            self._connection.execute("INSERT OR REPLACE INTO failures VALUES (?,?,?,?,?,?)", row)

    def forget_failures(self) -> int:
        """Delete the failed units, so that they are tried again; return their number."""
        with self._commit("failures"):
            return self._connection.execute("DELETE FROM failures").rowcount

    def ids_done(self, attack: str, eps: float) -> set[str]:
        """Return the samples that have a row for ``attack`` at ``eps``, or were given up."""
        at = [attack, eps]
        rows = "SELECT id FROM results WHERE attack = ? AND eps = ?"
        lost = "SELECT ids FROM failures WHERE attack = ? AND eps = ?"
        done = {name for (name,) in self._connection.execute(rows, at)}
        given_up = [json.loads(ids) for (ids,) in self._connection.execute(lost, at)]
        return done.union(*given_up)

    def add_proofs(self, frame: pd.DataFrame) -> None:
        """Commit proofs: id, eps, lower, rung, passes, seconds."""
        with self._commit("proofs"):
            self._insert("proofs", frame)

    def take_rows(self, ledger: Path, tables: Sequence[str]) -> None:
        """Copy the rows of ``tables`` from another ledger, except for those that exist already."""
        self._connection.execute("ATTACH DATABASE ? AS other", [str(ledger)])
        try:
            with self._commit(*tables):
                for table in tables:
                    copy = f"INSERT OR IGNORE INTO {table} SELECT * FROM other.{table}"  # noqa: S608
                    self._connection.execute(copy)
        finally:
            self._connection.execute("DETACH DATABASE other")

    def example(self, shard: str, row: int) -> np.ndarray:
        """Return one saved example, as it was judged."""
        return self.examples(shard, np.array([row]))[0]  # type: ignore[no-any-return]

    def examples(self, shard: str, rows: np.ndarray) -> np.ndarray:
        """Return the saved examples of a shard at these ``rows``, in one read of the file."""
        if (rows < 0).any():
            raise self._damaged(shard)
        try:
            with arrays(self._file(shard)) as saved:
                return saved["x_adv"][rows]  # type: ignore[no-any-return]
        except (InputError, IndexError) as error:
            raise self._damaged(shard) from error

    def _damaged(self, shard: str) -> InputError:
        return InputError(
            f"{self._file(shard)} is missing or damaged", "--fresh starts again", code="E313"
        )

    def made_of(self) -> dict[str, Any] | None:
        """Return what the rows depend on, or None if there are none yet."""
        row = self._connection.execute("SELECT json FROM made_of").fetchone()
        return json.loads(row[0]) if row else None

    def set_made_of(self, made_of: dict[str, Any]) -> None:
        """Commit what the rows will depend on, in the same ledger."""
        with self._commit():
            self._connection.execute("INSERT INTO made_of VALUES (?)", [json.dumps(made_of)])

    def fact(self, name: str) -> Any:
        """Return the stored finding of this name, or None."""
        row = self._connection.execute("SELECT json FROM facts WHERE name = ?", [name]).fetchone()
        return json.loads(row[0]) if row else None

    def set_fact(self, name: str, value: Any) -> None:
        """Commit a finding, for resumed runs."""
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
    def _commit(self, *tables: str) -> Iterator[None]:
        """Commit the block as one transaction; the cached frames of ``tables`` are dropped."""
        for table in tables:
            self._read.pop(table, None)
        with self._connection:
            yield


@contextmanager
def open_store(path: Path, *, fresh: bool = False, command: str = "") -> Iterator[Store]:
    """Open or create the run directory ``path``; ``fresh`` deletes an earlier run in it.

    Raises InputError for a directory that is not a run's, is read-only or in use, or if the run is
    of another command than ``command``; ResourceError if the disk is full.
    """
    check_own(path, command, fresh=fresh)
    check_place(path)
    lock = FileLock(path / ".lock", timeout=0.2)  # readers hold the lock for a moment
    try:
        with lock, translated(path):
            if fresh:
                discard(path)
            with closing(sqlite3.connect(path / "results.sqlite")) as connection:
                claim(connection, path)
                yield Store(path, connection)
    except Timeout as error:
        raise InputError(
            f"the run directory {path} is in use", "wait for the other run", code="E313"
        ) from error
