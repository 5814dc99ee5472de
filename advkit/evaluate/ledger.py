"""The ledger of a run (results.sqlite): created, checked, removed."""

import errno
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from advkit.errors import InputError, ResourceError
from advkit.evaluate.run_folder import make_place, writing_to

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
CREATE TABLE IF NOT EXISTS failures (
    shard TEXT PRIMARY KEY, attack TEXT, eps REAL, ids TEXT, error TEXT, attempts INTEGER);
"""

MARK = 0x61647631  # "adv1", the application id in the header of the database
VERSION = 1  # schema version; a ledger without one is older, and gets the missing tables
FILES = (
    "run.json",
    "progress.json",
    "report.html",
    "cards.json",
    "cards.npz",
    "samples.csv",
    "table.csv",
    "examples.npz",
)
OURS = (
    "results.sqlite",
    "results.sqlite-journal",  # present until the database has a write-ahead log
    "results.sqlite-wal",
    "results.sqlite-shm",
    *(name + end for name in FILES for end in ("", ".tmp")),
)
BESIDE = {".lock", "examples", "figures", "sounds"}


def check_place(path: Path) -> None:
    """Create the directory ``path`` if needed; raise InputError if it cannot be a run directory."""
    make_place(path, _strange)
    with writing_to(path):
        (path / ".lock").touch()


def _strange(there: set[str]) -> bool:
    return bool({name for name in there if not name.startswith("shard-")} - {*OURS, *BESIDE})


def claim(connection: sqlite3.Connection, path: Path) -> None:
    """Create the tables of a new ledger, or check an existing one.

    Raises InputError for a foreign or damaged database, or one from a newer advkit.
    """
    check_ledger(connection, path)
    (broken,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    if broken != "ok":
        raise InputError(f"{path / 'results.sqlite'} is damaged: {broken}", "--fresh starts again")
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute(f"PRAGMA application_id = {MARK}")
    connection.execute(f"PRAGMA user_version = {VERSION}")
    connection.executescript(SCHEMA)


def check_ledger(connection: sqlite3.Connection, path: Path) -> None:
    """Raise InputError for a foreign database, or one from a newer advkit."""
    (mark,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if tables and mark != MARK:
        raise InputError(
            f"{path / 'results.sqlite'} was not written by advkit", "give another --out"
        )
    if tables and version > VERSION:
        raise InputError(
            f"{path / 'results.sqlite'} is from a newer advkit: its tables are version {version}, "
            f"this one knows {VERSION}",
            "update advkit, or give another --out",
        )


@contextmanager
def reading(path: Path) -> Iterator[sqlite3.Connection]:
    """Open the ledger of the run in ``path`` for reading; nothing is locked or left behind.

    Raises InputError if it is missing, empty, foreign or damaged.
    """
    ledger = path / "results.sqlite"
    alone = not ledger.with_name(f"{ledger.name}-wal").exists()
    # Opened otherwise, SQLite would leave files behind.
    address = f"{ledger.absolute().as_uri()}?{'immutable=1' if alone else 'mode=ro'}"
    if not ledger.exists():
        raise _without_rows(ledger, "is missing")
    with translated(path), closing(sqlite3.connect(address, uri=True)) as connection:
        check_ledger(connection, path)
        if not connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
            raise _without_rows(ledger, "is empty")
        yield connection


def _without_rows(ledger: Path, why: str) -> InputError:
    return InputError(
        f"{ledger} {why}: the rows of the run are lost", "advkit resume makes them again",
        code="E313",
    )  # fmt: skip


def discard(path: Path) -> None:
    """Delete an earlier run."""
    inside = [file for name in ("examples", "sounds") for file in sorted((path / name).glob("*"))]
    for file in [path / name for name in OURS] + inside:
        file.unlink(missing_ok=True)


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """Convert errors of the database or the disk into AdvkitErrors with plain messages."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        if "full" in str(error):
            raise _full(path / "results.sqlite") from error
        raise InputError(
            f"{path / 'results.sqlite'} cannot be used: {error}", "--fresh starts again"
        ) from error
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise _full(error.filename or path) from error
        raise


def _full(file: str | Path) -> ResourceError:
    return ResourceError(
        f"the disk is full: {file} cannot be written",
        "what was finished is safe: make room, run the same again",
    )
