"""Pictures are loaded as grey for nets with one channel, also in studies."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.cli.run_cli import Cli

NET = """import torch
from torch import nn
def make(scale=9):
    first = nn.Conv2d(1, 2, 1)
    first.weight.data = torch.tensor([-1.0, 1]).reshape(2, 1, 1, 1) * scale
    first.bias.data = torch.tensor([0.5, -0.5]) * scale
    return nn.Sequential(first, nn.AdaptiveAvgPool2d(1), nn.Flatten())
"""
MODEL, SAME = "./net.py:make", "./net.py:make?scale=5"
LINES = {
    "audit": ("--model", MODEL, "--attacks", "fgsm", "--eps", 0.1, "--bounds", "off"),
    "transfer": ("--model", MODEL, "--model", SAME, "--attack", "fgsm", "--eps", 0.1),
    "transfer ": ("--target", MODEL, "--query-labels", "--queries", 8, "--first", 4, "--epochs", 1,
                  "--steps", 2, "--limit", 8),
    "linearity": ("--model", MODEL, "--part", "nets"),
}  # fmt: skip


@pytest.fixture(autouse=True)
def pictures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("net.py").write_text(NET)
    rng = np.random.default_rng(0)
    for name, level in (("dark", 40), ("light", 190)):
        Path("photos", name).mkdir(parents=True)
        for i in range(12):
            pixels = rng.integers(level - 20, level + 20, (12, 12, 3)).astype(np.uint8)
            Image.fromarray(pixels).save(Path("photos", name, f"{i}.png"))


@pytest.mark.parametrize("command", LINES)
def test_a_net_that_takes_grey_alone(cli: Cli, command: str) -> None:
    data = ("--data", "imagefolder:photos?size=12", "--out", "run", "--no-progress")
    done = cli(command.strip(), *LINES[command], *data)
    assert done.code == 0, done.err
    assert "left out" not in done.out


@pytest.mark.parametrize("words", [("visualize", "--size", 12), ("dream", "--longest", 16)])
def test_without_data_a_side_is_enough(cli: Cli, words: tuple[object, ...]) -> None:
    done = cli(*words, "--model", MODEL, "--steps", 1, "--out", "run", "--no-progress")
    assert done.code == 0, done.err
    with Image.open(next(Path("run/pictures").iterdir())) as made:
        assert made.mode == "L"


@pytest.mark.parametrize("command", ["visualize", "invert", "fool", "gallery", "embed"])
def test_without_data_and_side_the_hint_is_one_that_helps(cli: Cli, command: str) -> None:
    refused = cli(command, "--model", MODEL, "--out", "run")
    assert (refused.code, "give --data imagefolder:DIR" in refused.err) == (2, True), refused.err
    assert ("--size 32" in refused.err) == (command != "embed")
    assert not Path("run").exists()
