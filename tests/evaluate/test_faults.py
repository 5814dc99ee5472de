"""kill -9 at any moment, and a full disk: finished work is kept, and the run resumes."""

import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from advkit.errors import ResourceError
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
