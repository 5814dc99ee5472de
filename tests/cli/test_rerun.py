"""Killed, partly failed and sharded runs: resume, retry, show, merge."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest

from advkit.evaluate.run_folder import read_json
from advkit.evaluate.store import open_store
from tests.cli.run_cli import Cli

NET = """
import pathlib, sys, torch
from torch import nn
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.f = nn.Sequential(nn.Flatten(), nn.Linear(64, 10))
    def forward(self, x):
        worker = sys.argv[0] == "-c"
        if worker and x.requires_grad and pathlib.Path("sick").exists():
            if bool((x[:, 0, 0, 3] > 0.6).any()):
                raise RuntimeError("a bad pixel")
        return self.f(x)
def make():
    return Net()
"""
WORDS = ("audit", "--model", "./net.py:make", "--data", "bundled:digits", "--limit", "60", "--eps",
         "0.03,0.1", "--attacks", "fgsm", "--attacks", "pgd:steps=20", "--bounds", "off",
         "--batch-size", "8", "--no-progress")  # fmt: skip


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "net.py").write_text(NET)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def rows(out: Path) -> pd.DataFrame:
    with open_store(out) as store:
        frame = store.frame("results").drop(columns=["shard", "row"])
    return frame.sort_values(["eps", "attack", "id"], ignore_index=True)


def same(a: Path, b: Path) -> None:
    pd.testing.assert_frame_equal(rows(a), rows(b), check_exact=True)


def test_shards_are_merged_into_the_rows_and_the_report_of_one_run(cli: Cli, here: Path) -> None:
    assert cli(*WORDS, "--jobs", 1, "--out", "whole").code == 0
    for words in (("--shard", "1/2"), ("--shard", "2/2")):
        if words[1] == "2/2":
            early = cli("merge", "runs")
            assert early.code == 3
            assert "of 2 shards these are missing: 2/2" in early.err
        done = cli(*WORDS, "--jobs", 1, "--out", "runs", *words)
        assert done.code == 0, done.err
        assert "when all are: advkit merge runs" in done.out
    merged = cli("merge", "runs", "--rows-only")
    assert merged.code == 0, merged.err
    assert "advkit resume runs" in merged.out
    assert cli("merge", "runs").code == 0  # again, and to its end
    same(here / "runs", here / "whole")
    one, two = (json.loads((here / name / "run.json").read_text()) for name in ("runs", "whole"))
    for name in ("robust", "clean", "verdict", "curve"):
        assert one[name] == two[name]
    assert [check["state"] for check in one["trust"]["checks"]] == [
        check["state"] for check in two["trust"]["checks"]
    ]
    assert (here / "runs" / "report.html").exists()


def test_the_index_says_how_shards_become_an_audit(cli: Cli, here: Path) -> None:
    for shard in ("1/2", "2/2"):
        cli(*WORDS, "--jobs", 1, "--out", "runs/a", "--shard", shard)
    refused = cli("index")
    assert refused.code == 5
    told = "runs/a holds shards of an audit; when all are done: advkit merge runs/a"
    assert refused.err.splitlines()[1].strip() == told
    one = cli("report", "runs/a/shard-2-of-2")
    assert one.code == 3
    assert "runs/a/shard-2-of-2 is shard 2 of 2 of an audit, not the whole" in one.err
    assert cli("merge", "runs/a").code == 0
    done = cli("index")
    assert (done.code, done.err) == (0, ""), "shards of a whole are not told"


def test_merging_what_is_not_there_says_so(cli: Cli, here: Path) -> None:
    for words in (("runs/a",), ("runs/a", "runs/b", "--out", "runs/c")):
        refused = cli("merge", *words)
        assert (refused.code, "there is no directory runs/a" in refused.err) == (3, True)
    assert not Path("runs").exists()
    Path("runs/aa").mkdir(parents=True)
    for words in (("merge", "runs/a"), ("compare", "runs/a", "runs/aa"), ("report", "runs/a")):
        assert "did you mean aa?" in cli(*words).err


def test_shards_of_other_runs_are_refused(cli: Cli, here: Path) -> None:
    cli(*WORDS, "--jobs", 1, "--out", "a", "--shard", "1/2")
    cli(*WORDS, "--jobs", 1, "--out", "a", "--shard", "2/2", "--seed", 5)
    refused = cli("merge", "a")
    assert refused.code == 3
    assert "other seed (seed: 0 then, 5 now)" in refused.err
    twice = cli("merge", "a/shard-1-of-2", "a/shard-1-of-2", "--out", "b")
    assert twice.code == 3
    cli(*WORDS, "--jobs", 1, "--out", "whole")
    assert "is not a shard" in cli("merge", "whole", "--out", "b").err
    assert cli(*WORDS, "--shard", "3/2", "--out", "a").code == 2
    assert cli(*WORDS, "--shard", "1/2").code == 2
    assert cli(*WORDS, "--shard", "auto", "--out", "a").code == 2


def test_shards_are_not_merged_into_a_run_of_its_own(cli: Cli, here: Path) -> None:
    assert cli(*WORDS, "--jobs", 1, "--out", "runs").code == 0
    before = {file: file.read_bytes() for file in (here / "runs").rglob("*.[jn]*")}
    for shard in ("1/2", "2/2"):
        cli(*WORDS, "--jobs", 1, "--out", "runs", "--shard", shard)
    refused = cli("merge", "runs")
    assert refused.code == 3
    assert "runs holds a run already, not one of shards" in refused.err
    assert all(file.read_bytes() == content for file, content in before.items())
    assert cli("merge", "runs", "--out", "merged").code == 0
    same(here / "runs", here / "merged")


def test_the_environment_says_which_shard(
    cli: Cli, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RANK", "1")
    monkeypatch.setenv("WORLD_SIZE", "3")
    done = cli(*WORDS, "--jobs", 1, "--out", "a", "--shard", "auto")
    assert done.code == 0, done.err
    record = json.loads((here / "a" / "shard-2-of-3" / "run.json").read_text())
    assert record["shard"] == [2, 3]
    monkeypatch.delenv("RANK")
    assert cli("resume", "a/shard-2-of-3").code == 0


def started(here: Path, *words: str) -> subprocess.Popen[str]:
    root = str(Path(__file__).parents[2])
    return subprocess.Popen(
        [sys.executable, "-m", "advkit", *words], cwd=here, text=True, stderr=subprocess.PIPE,
        stdout=subprocess.PIPE, env=os.environ | {"PYTHONPATH": root},
    )  # fmt: skip


def children(parent: int) -> list[int]:
    found = [Path(f).read_text().split() for f in Path(f"/proc/{parent}/task").glob("*/children")]
    return [int(word) for words in found for word in words]


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="needs /proc")
def test_workers_fail_are_killed_and_the_run_ends_with_the_rows_of_one_process(
    cli: Cli, here: Path
) -> None:
    """A worker killed, then units that fail (7), show, retry; the driver killed, show, resume."""
    assert cli(*WORDS, "--jobs", 1, "--out", "whole").code == 0
    (here / "sick").touch()
    run = started(here, *WORDS, "--jobs", "2", "--unit-seconds", "60", "--out", "run")
    until = time.monotonic() + 60
    workers: list[int] = []  # the list in /proc may miss one for a moment
    while run.poll() is None and time.monotonic() < until and not workers:
        time.sleep(0.02)
        workers = children(run.pid)
    os.kill(workers[0], signal.SIGKILL)
    _, err = run.communicate(timeout=120)
    assert run.returncode == 7, err
    assert "a bad pixel" in err
    assert "to try these again: advkit retry --errors run" in err
    told = cli("show", "run")
    assert "stopped: some units failed" in told.out
    assert "advkit retry --errors run" in told.out
    (here / "sick").unlink()

    run = started(here, "retry", "--errors", "run")
    while run.poll() is None and json.loads(cli("show", "run", "--json").out)["failed"]:
        time.sleep(0.02)
    run.kill()
    run.communicate()
    shown = cli("show", "run")
    assert "run: stopped; what was finished is safe" in shown.out
    assert "to resume: advkit resume run" in shown.out

    ended = cli("resume", "run", "--jobs", "1")
    assert ended.code == 0, ended.err
    same(here / "run", here / "whole")
    assert cli("show", "run").out.startswith("run: done")
    nothing = cli("retry", "--errors", "run")
    assert nothing.code == 5
    assert "no unit of run was given up" in nothing.err


def test_a_refused_command_is_not_what_resume_gives(cli: Cli, here: Path) -> None:
    assert cli(*WORDS, "--jobs", 1, "--out", "run").code == 0
    begun = read_json(here / "run", "progress.json")
    refused = cli(*WORDS, "--eps", "0.2", "--jobs", 1, "--out", "run")
    assert "E312" in refused.err
    assert begun
    assert read_json(here / "run", "progress.json") == begun
    assert cli("resume", "run", "--jobs", "1").code == 0


def test_what_cannot_be_resumed_is_told(cli: Cli, here: Path) -> None:
    assert cli("resume").code == 3
    assert "there is no directory runz" in cli("resume", "runz").err
    (here / "empty").mkdir()
    assert "is not a run directory" in cli("resume", "empty").err
    assert cli("show", "empty").code == 3
    assert cli("show", "atack", "pgd").code == 2
    assert "did you mean attack?" in cli("show", "atack", "pgd").err
    (here / "empty" / "progress.json").write_text('{"command": ""}')
    assert "was started from Python" in cli("resume", "empty").err
    unsafe = {"command": "advkit audit --allow-unsafe-load --model x.pt"}
    (here / "empty" / "progress.json").write_text(json.dumps(unsafe))
    refused = cli("resume", "empty")
    assert refused.code == 4
    assert "--allow-unsafe-load" in refused.err


def test_the_newest_unfinished_run_is_resumed_where_it_was_begun(
    cli: Cli, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert cli(*WORDS, "--jobs", 1, "--out", "runs/20990101T000000-audit-aaaaaa").code == 0
    run = here / "runs" / "20990101T000000-audit-aaaaaa"
    record = json.loads((run / "run.json").read_text())
    (run / "run.json").write_text(json.dumps({**record, "finished": ""}))
    done = cli("resume")
    assert done.code == 0, done.err
    assert "advkit audit --model ./net.py:make" in done.err
    (here / "elsewhere").mkdir()
    monkeypatch.chdir(here / "elsewhere")
    done = cli("resume", run)
    assert done.code == 0, done.err
    assert f"in {here}" in done.err


def test_options_of_resume_replace_those_of_then(cli: Cli, here: Path) -> None:
    words = (*WORDS, "-j1", "--no-fold", "--require", "clean >= 0", "--fresh", "--out=run")
    assert cli(*words).code == 0
    again = cli("resume", "run", "--jobs", "2", "--no-fold", "--require", "clean >= 0.01")
    assert again.code == 0, again.err
    command = again.err.partition("--no-progress")[2].splitlines()[0]
    both = "--require 'clean >= 0' --out run --jobs 2 --no-fold --require 'clean >= 0.01'"
    assert command.strip() == both
