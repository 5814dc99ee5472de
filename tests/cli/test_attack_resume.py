"""`advkit attack` resumes an interrupted run, and does not overwrite other runs."""

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest
import torch

from tests.cli.run_cli import NET, QUICK_ATTACK, ROOT, Cli, begun, command, saved


def test_batches_jobs_and_a_second_run_change_nothing(cli: Cli, tmp_path: Path) -> None:
    words = ("attack", "pgd:steps=3", *QUICK_ATTACK, "--eps", "0.05")
    first = cli(*words, "--out", tmp_path / "a", "--jobs", 1)
    again = cli(*words, "--out", tmp_path / "a")
    cli(*words, "--out", tmp_path / "b", "--jobs", 2, "--batch-size", 4)
    assert again == first
    assert torch.equal(saved(tmp_path / "a")[2], saved(tmp_path / "b")[2])
    assert (tmp_path / "a/table.csv").read_text() == (tmp_path / "b/table.csv").read_text()


def test_another_run_is_not_overwritten(cli: Cli, tmp_path: Path) -> None:
    out = tmp_path / "run"
    words = ("attack", "fgsm", *QUICK_ATTACK, "--out", out)
    assert cli(*words, "--eps", "0.05").code == 0
    before = (out / "table.csv").read_bytes()
    for change, says in (
        (("--seed", 2), "seed: 0 then, 2 now"),
        (("--eps", "0.06"), "eps: 0.05 then, 0.06 now"),
        (("--targets", "second"), "targets: None then"),
        (("--restarts", 2), "attacks"),
    ):
        result = cli(*words, *([] if "--eps" in change else ["--eps", "0.05"]), *change)
        assert result.code == 3
        assert says in result.err
    audit = cli("audit", *QUICK_ATTACK, "--attacks", "fgsm", "--eps", "0.05", "--out", out)
    assert audit.code == 3
    assert "holds another kind of run" in audit.err
    assert (out / "table.csv").read_bytes() == before
    cli("audit", *QUICK_ATTACK, "--attacks", "fgsm", "--eps", "0.05", "--out", tmp_path / "audit")
    words = (*words, "--eps", "0.05")
    assert cli(*words[:-3], tmp_path / "audit", "--eps", "0.05").code == 3
    assert cli(*words, "--seed", 2, "--fresh").code == 0


def test_an_interrupted_run_says_how_to_go_on(tmp_path: Path) -> None:
    words = command("attack", "pgd:steps=20000", *NET, "--eps", "0.01", "--jobs", "1")
    with begun(words, tmp_path, stderr=subprocess.PIPE) as process:
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    (folder,) = (tmp_path / "runs").iterdir()
    assert "-attack-" in folder.name
    assert f"to resume: advkit {' '.join(words[3:])} --out runs/{folder.name}" in err


def test_killed_and_run_again_it_ends_as_if_nothing_had_been(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ("attack", "pgd:steps=40", *NET, "--eps", "0.01", "--batch-size", "20", "--jobs", "1")
    env = os.environ | {"PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(command(*words, "--out", "a"), cwd=tmp_path, env=env)
    until = time.monotonic() + 120
    while not list(tmp_path.glob("a/examples/*.npz")) and time.monotonic() < until:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert not (tmp_path / "a/examples.npz").exists()
    before = {file: file.stat().st_mtime_ns for file in tmp_path.glob("a/examples/*.npz")}
    monkeypatch.chdir(tmp_path)
    for out in ("a", "b"):
        done = cli(*words, "--out", out)
        assert done.code == 0, done.err
    whole = [file for file, time_ in before.items() if file.stat().st_mtime_ns == time_]
    assert len(whole) >= len(before) - 1, "finished shards were done again"
    assert torch.equal(saved(tmp_path / "a")[2], saved(tmp_path / "b")[2])
