"""kill -9 at any moment, and a full disk: what was finished stays, and the run goes on."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest

from advkit.errors import ResourceError
from tests.evaluate.small import run, table

SCRIPT = "from pathlib import Path; from tests.evaluate.small import run; run(Path({!r}), **{!r})"


def start(out: Path, **changes: object) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", SCRIPT.format(str(out), changes)])


def shards(out: Path) -> int:
    folder = out / "examples"
    return len(list(folder.iterdir())) if folder.exists() else 0


def test_killed_and_started_again_ends_with_the_same_rows(tmp_path: Path) -> None:
    slow = {"batch_size": 4, "attacks": ("fgsm", "pgd:steps=30", "square:queries=60")}
    killed = 0
    for wanted in (1, 12, 30):
        process = start(tmp_path / "killed", **slow)
        while process.poll() is None and shards(tmp_path / "killed") < wanted:
            time.sleep(0.002)
        if process.poll() is None:
            os.kill(process.pid, signal.SIGKILL)
            killed += 1
        process.wait()
    assert killed == 3, "the run was over before it could be killed"
    run(tmp_path / "killed", **slow)
    run(tmp_path / "whole", **{**slow, "batch_size": 64})
    order = ["eps", "attack", "id"]
    for name in ("results", "samples"):
        by = order if name == "results" else "id"
        a, b = (table(tmp_path / which, name).sort_values(by, ignore_index=True)
                for which in ("killed", "whole"))  # fmt: skip
        pd.testing.assert_frame_equal(a, b, check_exact=True)
    costs = table(tmp_path / "killed", "costs"), table(tmp_path / "whole", "costs")
    for name in ("tried", "forwards", "backwards"):
        assert costs[0][name].sum() == costs[1][name].sum()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount a small file system")
def test_a_full_disk_loses_nothing_that_was_finished(tmp_path: Path) -> None:
    small = tmp_path / "small"
    small.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=300k", "tmpfs", str(small)])
    if mounted.returncode:
        pytest.skip("mounting is not allowed here")
    try:
        with pytest.raises(ResourceError, match="disk is full"):
            run(small / "run", batch_size=4)
        subprocess.run(["mount", "-o", "remount,size=20m", str(small)], check=True)
        run(small / "run", batch_size=4)
        run(tmp_path / "whole")
        order = ["eps", "attack", "id"]
        pd.testing.assert_frame_equal(
            table(small / "run").sort_values(order, ignore_index=True),
            table(tmp_path / "whole").sort_values(order, ignore_index=True),
        )
    finally:
        subprocess.run(["umount", str(small)], check=True)


def same_rows(a: Path, b: Path) -> None:
    order = ["eps", "attack", "id"]
    rows = [table(out).sort_values(order, ignore_index=True) for out in (a, b)]
    pd.testing.assert_frame_equal(*rows, check_exact=True)


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
