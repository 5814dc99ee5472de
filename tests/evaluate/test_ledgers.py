"""Ledgers that are damaged, foreign, newer or in use: rejected, and never written to."""

import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from advkit.errors import InputError, ResourceError
from advkit.evaluate.ledger import VERSION
from advkit.evaluate.run_progress import is_running, state_of
from advkit.evaluate.store import open_store
from tests.evaluate.mounting import mounted, needs_root
from tests.evaluate.small import run


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("whole") / "run"
    run(out, attacks=("fgsm", "pgd:steps=3"), batch_size=8)
    return out


@pytest.fixture
def copy(whole: Path, tmp_path: Path) -> Path:
    shutil.copytree(whole, tmp_path / "run")
    return tmp_path / "run"


def truncated(file: Path) -> None:
    os.truncate(file, file.stat().st_size // 2)


def overwritten(file: Path) -> None:
    size = file.stat().st_size
    with file.open("r+b") as out:
        out.seek(size // 3)
        out.write(os.urandom(8192))


def beheaded(file: Path) -> None:
    with file.open("r+b") as out:
        out.write(b"no database here")


def newer(file: Path) -> None:
    with sqlite3.connect(file) as connection:
        connection.execute(f"PRAGMA user_version = {VERSION + 1}")
    connection.close()


def foreign(file: Path) -> None:
    file.unlink()
    with sqlite3.connect(file) as connection:
        connection.execute("CREATE TABLE letters (text TEXT)")
    connection.close()


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (truncated, "damaged|malformed|cannot be used"),
        (overwritten, "damaged|malformed|cannot be used"),
        (beheaded, "not a database"),
        (newer, f"newer advkit: its tables are version {VERSION + 1}"),
        (foreign, "was not written by advkit"),
    ],
)
def test_a_ledger_that_cannot_be_trusted_is_refused_and_left_as_it_is(
    copy: Path, harm: Callable[[Path], None], said: str
) -> None:
    ledger = copy / "results.sqlite"
    harm(ledger)
    before = ledger.read_bytes()
    with pytest.raises(InputError, match=said) as refused:
        run(copy, attacks=("fgsm", "pgd:steps=3"))
    assert refused.value.hint
    assert ledger.read_bytes() == before


def test_a_ledger_of_an_older_advkit_is_read_and_brought_up_to_date(copy: Path) -> None:
    with sqlite3.connect(copy / "results.sqlite") as connection:
        connection.execute("DROP TABLE failures")
        connection.execute("PRAGMA user_version = 0")
    connection.close()
    assert state_of(copy)["state"] == "done"
    run(copy, attacks=("fgsm", "pgd:steps=3"))
    with open_store(copy) as store:
        assert len(store.frame("failures")) == 0


def test_numbers_are_numbers_even_where_there_are_none(tmp_path: Path) -> None:
    rows = {"id": "one", "label": 1, "confidence": None, "margin": None}
    with open_store(tmp_path) as store:
        store.add_samples(pd.DataFrame([{"position": 0, **rows, "prediction": 1}]))
        assert np.isnan(store.frame("samples")["margin"]).all()
        assert np.isinf(store.frame("results")["eps"]).sum() == 0
        assert store.frame("results")["fooled"].dtype == bool


def test_an_example_that_is_damaged_is_told_by_its_file(copy: Path) -> None:
    for file in (copy / "examples").iterdir():
        os.truncate(file, 40)
    with sqlite3.connect(copy / "results.sqlite") as connection:
        connection.execute("DELETE FROM results WHERE attack = 'line_search'")
    connection.close()
    with pytest.raises(InputError, match=r"examples/.*\.npz is missing or damaged"):
        run(copy, attacks=("fgsm", "pgd:steps=3"))


def test_of_two_writers_the_second_is_refused(copy: Path) -> None:
    hold = (
        "from pathlib import Path; from advkit.evaluate.store import open_store\n"
        f"with open_store(Path({str(copy)!r})):\n    print('held', flush=True); input()"
    )
    other = subprocess.Popen(
        [sys.executable, "-c", hold], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert other.stdout
    assert other.stdout.readline() == "held\n"
    try:
        with pytest.raises(InputError, match="is in use"):
            run(copy, attacks=("fgsm", "pgd:steps=3"))
        assert is_running(copy)
        assert state_of(copy)["state"] == "running"
    finally:
        other.communicate("\n", timeout=20)
    assert not is_running(copy)
    run(copy, attacks=("fgsm", "pgd:steps=3"))


@needs_root
def test_a_read_only_directory_is_refused(tmp_path: Path) -> None:
    place = tmp_path / "place"
    with (
        mounted(place, "ro,size=1m"),
        pytest.raises(InputError, match=r"cannot write to --out .*[Rr]ead-only"),
    ):
        run(place / "run")


def test_what_is_shown_changes_nothing(copy: Path) -> None:
    before = {file.name: file.stat().st_mtime_ns for file in copy.iterdir()}
    state = state_of(copy)
    assert {file.name: file.stat().st_mtime_ns for file in copy.iterdir()} == before
    assert state["state"] == "done"
    assert (state["samples"], state["n"], state["failed"]) == (90, 90, 0)
    assert state["stages"][0]["attack"] == "fgsm"
    assert sum(row["tried"] for row in state["stages"] if row["attack"] == "fgsm") > 90


def test_a_place_without_a_run_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is not a run directory"):
        state_of(tmp_path)


def test_a_ledger_that_is_full_says_what_to_do(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ResourceError, match="disk is full"), open_store(copy):
        raise sqlite3.OperationalError("database or disk is full")
