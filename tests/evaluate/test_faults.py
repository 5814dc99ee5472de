"""kill -9 at any moment, and a full disk: finished work is kept, and the run resumes."""

import errno
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from advkit.errors import ResourceError
from advkit.evaluate.ledger import translated
from advkit.evaluate.run_folder import write_text
from advkit.evaluate.saved_arrays import write_array, write_arrays
from advkit.evaluate.sound_files import write_waves
from tests.evaluate.mounting import mounted, needs_root
from tests.evaluate.small import run, table


def same_rows(a: Path, b: Path) -> None:
    order = ["eps", "attack", "id"]
    rows = [table(out).sort_values(order, ignore_index=True) for out in (a, b)]
    pd.testing.assert_frame_equal(*rows, check_exact=True)


@needs_root
def test_a_full_disk_loses_nothing_that_was_finished(tmp_path: Path) -> None:
    small = tmp_path / "small"
    with mounted(small, "size=300k"):
        with pytest.raises(ResourceError, match="disk is full"):
            run(small / "run", batch_size=4)
        subprocess.run(["mount", "-o", "remount,size=20m", str(small)], check=True)
        run(small / "run", batch_size=4)
        run(tmp_path / "whole")
        same_rows(small / "run", tmp_path / "whole")


@needs_root
@pytest.mark.parametrize("name", ["report.html", "a.npz", "a.npy", "a.wav"])
def test_a_file_that_does_not_fit_on_the_disk_is_named_and_leaves_nothing(
    tmp_path: Path, name: str
) -> None:
    small = tmp_path / "small"
    noise = np.random.default_rng(0).random(100_000, dtype=np.float32)
    write: dict[str, Callable[[], object]] = {
        "report.html": lambda: write_text(small, name, "x" * 100_000),
        "a.npz": lambda: write_arrays(small / name, x=noise),
        "a.npy": lambda: write_array(small / name, noise),
        "a.wav": lambda: write_waves(small, {"a": noise}, 8000),
    }
    with mounted(small, "size=40k"):
        with pytest.raises(OSError, match="No space left") as refused:
            write[name]()
        assert (refused.value.errno, refused.value.filename) == (errno.ENOSPC, str(small / name))
        assert list(small.iterdir()) == []
        with pytest.raises(ResourceError, match=f"full: .*/{name} cannot"), translated(small):
            write[name]()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_killed_at_twenty_random_points_the_rows_are_the_same(tmp_path: Path) -> None:
    words = ["-m", "tests.evaluate.killed_driver", str(tmp_path / "killed"), "20"]
    done = subprocess.run([sys.executable, *words], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split()[-1] == "20", "the run was over too early"
    same_rows(tmp_path / "killed", tmp_path / "whole")
    costs = [table(tmp_path / name, "costs") for name in ("killed", "whole")]
    for name in ("tried", "forwards", "backwards"):
        assert costs[0][name].sum() == costs[1][name].sum()


def test_killed_while_its_ledger_is_made_a_run_begins_again(tmp_path: Path) -> None:
    (tmp_path / "results.sqlite-journal").write_bytes(b"\0" * 512)
    run(tmp_path, attacks=("fgsm",))
    assert len(table(tmp_path))
