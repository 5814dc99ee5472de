"""`advkit linearity`: files, exit codes, and one-line errors."""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from advkit.benchmarks.linear_parts import PARTS
from advkit.cli.linearity import PARTS as OFFERED
from advkit.cli.stopping import Terminated
from tests.cli.run_cli import Cli

FEW = ("--data", "bundled:digits", "--limit", 60, "--no-progress")


def test_writes_a_page_a_table_for_everything_and_a_summary(cli: Cli, tmp_path: Path) -> None:
    out = tmp_path / "run"
    done = cli("linearity", *FEW, "--classes", "3,8", "--out", out)
    assert done.code == 0, done.err
    assert done.out.startswith("One step along the sign of the gradient")
    assert done.out.strip().endswith("report.html")
    run = json.loads((out / "run.json").read_text())
    assert run["schema"] == "advkit/linearity/1"
    assert run["pair"] == ["3", "8"]
    assert run["models"] == ["bundled:digits-cnn"]
    for name, file in run["tables"].items():
        assert len(pd.read_csv(out / file)), name
    flips = pd.read_csv(out / run["tables"]["flips"]).set_index("norm")["distance"]
    assert flips["Linf"] == 0.3
    assert "One file, no requests" in (out / "report.html").read_text(encoding="utf-8")


def test_one_part_alone_and_json(cli: Cli, tmp_path: Path) -> None:
    out = tmp_path / "run"
    done = cli("linearity", *FEW, "--part", "numbers", "--out", out, "--json")
    assert done.code == 0, done.err
    assert json.loads(done.out)["tables"] == {
        "numbers": "numbers.csv", "scores": "scores.csv", "flips": "flips.csv"
    }  # fmt: skip
    assert {file.name for file in out.iterdir()} == {
        "report.html", "run.json", "numbers.csv", "scores.csv", "flips.csv"
    }  # fmt: skip


def test_the_parts_that_it_offers_are_those_there_are() -> None:
    assert tuple(PARTS) == OFFERED


def test_flat_data_of_two_classes(cli: Cli, tmp_path: Path) -> None:
    x = np.random.default_rng(0).random((60, 5), dtype=np.float32)
    np.savez(tmp_path / "flat.npz", x=x, y=(x[:, 0] > 0.5).astype(int))
    done = cli("linearity", "--data", f"npz:{tmp_path / 'flat.npz'}", "--out", tmp_path / "run",
               "--part", "images", "--part", "nets", "--no-progress")  # fmt: skip
    assert done.code == 0, done.err
    assert "note: No net was looked at" in done.out
    assert not (tmp_path / "run" / "curves_all.csv").exists()


def test_what_is_wrong_is_said_in_a_line(cli: Cli, tmp_path: Path) -> None:
    np.savez(tmp_path / "one.npz", x=np.zeros((9, 5), np.float32), y=np.zeros(9, int))
    cases = (
        (("--classes", "3,9a"), 2, "there is no class '9a'"),
        (("--classes", "3"), 2, "not a pair"),
        (("--part", "number"), 2, "not one of"),
        (("--decay", "0"), 2, "decay"),
        (("--eps", "8"), 2, "did you mean 8/255 = 0.0314?"),
        (("--eps", "0"), 2, "above 0"),
        (("--limit", "11"), 3, "single image"),
        (("--model", "bundled:fashion-mnist-cnn"), 3, "1 x 28 x 28"),
        (("--model", "bundled:digits-cn"), 2, "did you mean digits-cnn?"),
        (("--data", f"npz:{tmp_path / 'one.npz'}"), 3, "one class"),
        (("--data", "bundled:digit"), 2, "did you mean digits?"),
    )
    for words, code, said in cases:
        done = cli.but(("linearity", *FEW), *words, "--out", tmp_path / "run")
        assert done.code == code, (words, done.err)
        assert said in done.err, (words, done.err)
        assert "Traceback" not in done.err
    assert not (tmp_path / "run").exists(), "nothing is written before all is known"


@pytest.mark.parametrize(
    ("command", "called"), [("linearity", "linear_study.linearity"), ("speech", "speech.speech")]
)
def test_a_study_that_does_not_resume_says_so(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str, called: str
) -> None:
    def stopped(*_words: Any, **_more: Any) -> None:
        raise Terminated

    monkeypatch.setattr(f"advkit.api.{called}", stopped)
    monkeypatch.setattr("os._exit", sys.exit)
    result = cli(command, "--out", tmp_path / "run")
    assert result.code == 143
    assert f"nothing was saved; to begin again: advkit {command} --out" in result.err
    assert "resume" not in result.err
