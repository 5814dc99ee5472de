"""`advkit inspect` on the command line."""

import json
from pathlib import Path

import pytest
import torch

from advkit.models import load_model
from advkit.models.nets import build
from tests.cli.run_cli import Cli

COMMON = ("inspect", "bundled:digits-cnn", "--limit", "64")
BAD = """
from torch import nn
class Bad(nn.Module):
    def forward(self, x):
        return x.flatten(1)[:, 20:30].softmax(1)
def make():
    return Bad()
"""


def test_for_people_and_for_machines(cli: Cli) -> None:
    found = json.loads(cli(*COMMON, "--json").out)
    told = cli(*COMMON).out
    accuracy = found["accuracy"]
    assert f"{accuracy['count']} of 64  <- its own" in told
    assert "No check found anything wrong" in told
    assert "advkit audit --model bundled:digits-cnn --data bundled:digits" in told
    assert told.count("WRONG") == 0
    assert "layers" not in found


def test_it_fits_the_terminal(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    told = cli(*COMMON, "--layers").out.splitlines()
    assert max(map(len, told)) <= 80


def test_what_is_wrong_is_told_at_the_end(cli: Cli, tmp_path: Path) -> None:
    file = tmp_path / "bad.py"
    file.write_text(BAD)
    words = ("inspect", f"{file}:make", "--data", "bundled:digits", "--limit", "64")
    done = cli(*words)
    assert done.code == 0
    assert "WRONG  outputs" in done.out
    assert "- Return logits" in done.out.partition("What to do:")[2]
    strict = cli(*words, "--strict")
    assert strict.code == 6
    assert "outputs" in strict.err
    assert strict.out == done.out or "What to do:" in strict.out


def test_layers_alone_measure_nothing(cli: Cli) -> None:
    found = json.loads(cli("inspect", "bundled:digits-cnn", "--layers", "--json").out)
    assert "findings" not in found
    assert found["layers"]


def test_bad_words(cli: Cli) -> None:
    assert cli("inspect", "bundled:digits-cn").code == 2
    assert cli(*COMMON[:2], "--limit", "0").code == 5
    assert cli(*COMMON[:2], "--data", "npz:missing.npz").code == 3


@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_the_command_that_follows_names_the_model_in_full(cli: Cli, tmp_path: Path) -> None:
    net = build("cnn", shape=(1, 8, 8), n_classes=10)
    net.load_state_dict(load_model("bundled:digits-cnn").net.state_dict())
    torch.save(net.state_dict(), tmp_path / "net.pt")
    arch = "cnn?shape=1,8,8&n_classes=10"
    words = ("--data", "bundled:digits", "--limit", "64")
    told = cli("inspect", tmp_path / "net.pt", "--arch", arch, *words).out
    assert f"--model {tmp_path}/net.pt --arch '{arch}' --data bundled:digits" in told
    torch.jit.script(net).save(tmp_path / "net.ts")
    told = cli("inspect", tmp_path / "net.ts", "--allow-unsafe-load", *words).out
    assert f"--model {tmp_path}/net.ts --allow-unsafe-load --data bundled:digits" in told
