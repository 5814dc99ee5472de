"""`advkit certify` from command line to page, and its exit codes."""

import json
from pathlib import Path

from torch import nn

from tests.cli.run_cli import Cli

NET = ("--model", "tests.evaluate.small:digits_net", "--data", "bundled:digits")
QUICK = (*NET, "--limit", "40", "--eps", "0.02,0.05", "-j", "1")


def odd_net() -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 10), nn.Softplus())


def test_a_certificate_from_words_to_page(cli: Cli, tmp_path: Path) -> None:
    out = tmp_path / "run"
    done = cli("certify", *QUICK, "--out", out)
    assert done.code == 0, done.err
    assert "certified (alpha bounds)" in done.out
    assert "images at 2 eps at most about" in done.err
    page = (out / "report.html").read_text()
    assert "Certified accuracy" in page
    assert "What stays open" in page
    told = json.loads((out / "run.json").read_text())
    assert told["schema"] == "advkit/certify/1"
    again = cli("certify", *QUICK, "--out", out, "--json")
    assert json.loads(again.out)["certified"] == told["certified"]
    assert "at most about" not in again.err


def test_the_gate_is_on_the_lower_end(cli: Cli, tmp_path: Path) -> None:
    done = cli("certify", *QUICK, "--out", tmp_path / "run", "--fail-under", "0.99")
    assert done.code == 1
    assert "certified accuracy at Linf 0.05" in done.err
    assert cli("certify", *QUICK, "--out", tmp_path / "run", "--fail-under", "0.1").code == 0


def test_an_operator_without_a_bound_is_named(cli: Cli, tmp_path: Path) -> None:
    done = cli("certify", "--model", "tests.cli.test_certify_command:odd_net", "--data",
               "bundled:digits", "--out", tmp_path / "run")  # fmt: skip
    assert done.code == 3
    assert "Softplus" in done.err
    assert cli("certify", "--method", "crwn").code == 2


def test_other_commands_refuse_its_run(cli: Cli, tmp_path: Path) -> None:
    assert cli("certify", *QUICK, "--out", tmp_path / "run").code == 0
    done = cli("report", tmp_path / "run")
    assert done.code == 3
    assert "certify" in done.err


def test_what_no_number_of_hits_could_certify_is_told(cli: Cli, tmp_path: Path) -> None:
    """Of 100 equal answers, each image's share is 0.001 ** (1 / 100) at least: 1.5 deviations."""
    words = (*NET, "--limit", "2", "--smooth", "0.1", "--draws", "100", "--eps")
    done = cli("certify", *words, "0.1,0.2", "--out", tmp_path / "run")
    said = " ".join(done.out.split())
    assert "With so few draws no image can be certified beyond L2 0.15: take more" in said
    within = cli("certify", *words, "0.1", "--out", tmp_path / "within")
    assert "so few draws" not in " ".join(within.out.split())


def test_the_smoothed_classifier_is_named_as_such(cli: Cli, tmp_path: Path) -> None:
    words = (*NET, "--limit", "12", "--smooth", "0.1", "--draws", "200", "--eps", "0.05,0.2")
    done = cli("certify", *words, "--out", tmp_path / "run")
    assert done.code == 0, done.err
    assert "smoothed classifier" in done.out
    told = json.loads((tmp_path / "run" / "run.json").read_text())
    assert (told["norm"], told["sigma"], told["draws"]) == ("L2", 0.1, 200)
    counts = [row["count"] for row in told["certified"]]
    assert told["clean"]["count"] >= counts[0] >= counts[1]
    assert counts[0] > 0
    page = (tmp_path / "run" / "report.html").read_text()
    assert "not the model" in page
    assert "CROWN" not in page
    assert "lower bound of the margin" not in page
    assert told["certified"][-1]["seconds"] == told["seconds"] > 0
    assert cli("certify", *words, "--norm", "Linf", "--out", tmp_path / "x").code == 2
    assert cli("certify", *words, "--method", "crown", "--out", tmp_path / "x").code == 2
