"""Common mistakes give a hint with a command that works for the same input."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.cli import bad_inputs as bad
from tests.cli.run_cli import Cli

NET = """import torch
from torch import nn
LAYERS = [nn.Flatten(), nn.Linear(64, 10)]
def load(path): return torch.load(path)
def make(): return nn.Sequential(*LAYERS)
class Net(nn.Sequential):
    def __init__(self): super().__init__(*LAYERS)
"""
PICTURE = "lay it in a directory of its class, DIR/cat/1.jpg: --data imagefolder:DIR"
ON = ("--data", "bundled:digits", "--limit", 6, "--attacks", "fgsm", "--bounds", "off")


@pytest.fixture(autouse=True)
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    Path("own_net.py").write_text(NET)
    Path("weights.pt").write_bytes(b"")
    torch.save({"1.weight": torch.zeros(10, 64), "1.bias": torch.zeros(10)}, "weights.pt")
    torch.save(bad.net(), "whole.pt")
    for name in ("photos/cat/1.png", "sounds/yes/1.wav", "flat/1.png", "tables/a.parquet"):
        Path(name).parent.mkdir(parents=True)
        Path(name).write_bytes(bad.picture())
    np.savez("a.npz", x=np.zeros((2, 1, 8, 8), np.float32), y=[0, 1])
    Path("rows.csv").touch()


def hint(cli: Cli, *words: object) -> str:
    result = cli(*words)
    assert (result.code in (2, 3, 4), result.out) == (True, ""), result.err
    said = [line for line in result.err.splitlines() if not line.startswith(("Usage", "error"))]
    return said[0].strip()


@pytest.mark.parametrize(
    ("model", "meant"),
    [
        ("./own_net.py", "./own_net.py:make"), ("own_net.py", "own_net.py:make"),
        ("own_net.make", "own_net:make"), ("own_net.Net", "own_net:Net"),
        ("digits-cnn", "bundled:digits-cnn"),
    ],
)  # fmt: skip
def test_a_bare_model(cli: Cli, model: str, meant: str) -> None:
    assert hint(cli, "audit", "--model", model, *ON).startswith(f"did you mean {meant}")
    assert hint(cli, "inspect", model).startswith(f"did you mean {meant}")
    assert cli("audit", "--model", meant, *ON, "--out", "run").code in (0, 5)


def test_a_bare_model_of_torchvision(cli: Cli) -> None:
    told = hint(cli, "audit", "--model", "resnet18", *ON)
    assert told == "did you mean 'torchvision:resnet18?weights=DEFAULT'?"


def test_files_of_weights(cli: Cli) -> None:
    told = hint(cli, "audit", "--model", "weights.pt", *ON)
    assert told.startswith("say of which net: --arch ./net.py:make (a function or class of yours)")
    assert "'cnn?shape=1,28,28&n_classes=10'" in told, "a shell takes ? and & for itself"
    told = hint(cli, "audit", "--model", "weights.pt", *ON, "--arch", "./own_net.py")
    assert told == "did you mean ./own_net.py:make?"
    arch = ("--arch", "./own_net.py:make", "--out", "run")
    assert cli("audit", "--model", "weights.pt", *ON, *arch).code in (0, 5)
    told = hint(cli, "audit", "--model", "whole.pt", *ON)
    assert "advkit convert whole.pt -o whole.safetensors" in told
    assert "advkit trust add whole.pt" in told


@pytest.mark.parametrize(
    ("data", "meant"),
    [
        ("photos", "imagefolder:photos"), ("./photos/", "imagefolder:./photos/"),
        ("flat", "imagefolder:flat"), ("sounds", "audio:sounds"), ("tables", "hf:tables"),
        ("a.npz", "npz:a.npz"), ("rows.csv", "csv:rows.csv"), ("own_net.py", "own_net.py:make"),
        ("digits", "bundled:digits"), ("fashion_mnist", "bundled:fashion-mnist"),
        ("cifar10", "'torchvision:CIFAR10?root=DIR&split=test'"),
    ],
)  # fmt: skip
def test_bare_data(cli: Cli, data: str, meant: str) -> None:
    told = hint(cli, "audit", "--model", "bundled:digits-cnn", "--data", data)
    assert told == f"did you mean {meant}?"


def test_arrays_of_other_names(cli: Cli) -> None:
    np.savez("b.npz", images=np.zeros((2, 1, 8, 8), np.float32), labels=[0, 1])
    words = ("audit", "--model", "bundled:digits-cnn", *ON[4:], "--out", "run", "--data")
    assert hint(cli, *words, "npz:b.npz") == "name the arrays: --data 'npz:b.npz?x=images&y=labels'"
    assert cli(*words, "npz:b.npz?x=images&y=labels").code in (0, 5)


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("show race", "advkit show attack race"),
        ("show restarted", "advkit show attack restarted"),
        (
            "show nothing",
            "give one that advkit wrote; all about an attack: advkit show attack NAME",
        ),
        ("audit pgd:steps=3", "advkit audit --attacks pgd:steps=3"),
        ("audit own_net.py:make", "advkit audit --model own_net.py:make"),
        ("audit a.npz", "advkit audit --data npz:a.npz"),
        ("attack pgd own_net.py:make", "advkit attack pgd --model own_net.py:make"),
        ("attack own_net.py:make pgd", "advkit attack pgd --model own_net.py:make"),
        ("attack pgd a.npz", "advkit attack pgd --data npz:a.npz"),
        ("attack pgd fgsm", "advkit audit --attacks pgd --attacks fgsm"),
        ("attack pgd steps=50", "advkit attack pgd:steps=50"),
        ("attack --attack pgd", "advkit attack pgd"),
        ("attack pgd --steps 50", "options of an attack follow its name: pgd:steps=50"),
        ("attack pgd --steps=50", "options of an attack follow its name: pgd:steps=50"),
        ("audit --attacks pgd --steps 50", "options of an attack follow its name: pgd:steps=50"),
        ("audit --epsilon 0.1", "did you mean --eps?"),
        ("attack", "advkit attack pgd --eps 8/255; all of them: advkit ls attacks"),
        ("explain E312", "advkit explain-error E312"),
        ("inspect --model bundled:digits-cnn", "advkit inspect bundled:digits-cnn"),
        ("dream flat/1.png", "advkit dream --picture flat/1.png"),
        ("style a.jpg b.jpg", "advkit style --content a.jpg --style b.jpg"),
        ("invert a.jpg b.jpg", "advkit invert --picture a.jpg --picture b.jpg"),
        ("explain a.jpg", PICTURE), ("embed --data flat/1.png --model own_net.py:make", PICTURE),
        ("fool --class 12", "0 to 9, or a name"),
        ("explain --target xyz --images 1", "known: Ankle boot, Bag, Coat, Dress, Pullover, "
         "Sandal, Shirt, Sneaker, T-shirt/top, Trouser, label, margin, predicted, second; "
         "it may be predicted, second, label, margin, a class, CLASS-CLASS, or LAYER[channel,y,x]"),
        ("train --model mlp --out a.safetensors", "what is trained is --arch mlp"),
        ("help", "advkit --help"),
        ("ls atacks", "did you mean attacks?"),
        ("audit --suite standart", "did you mean standard?"),
        ("audit --attacks pgd,steps=5", "did you mean pgd:steps=5?"),
        ("attack pgd(steps=5)", "did you mean pgd:steps=5?"),
        ("audit --data digits", "did you mean bundled:digits?"),
        ("audit --data a.npz --eps 0.1", "did you mean npz:a.npz?"),
        ("attack pgd --model digits-cnn", "did you mean bundled:digits-cnn?"),
        ("explain --model own_net.py", "did you mean own_net.py:make?"),
        ("attack race:400", "write race:KEY=VALUE; its options: steps, stride"),
    ],
)  # fmt: skip
def test_a_slip_in_a_command(cli: Cli, line: str, told: str) -> None:
    assert hint(cli, *line.split()) == told


def test_bundled_data_without_a_model_are_shown_to_the_net_for_them(cli: Cli) -> None:
    result = cli("audit", *ON, "--eps", 0.1, "--out", "run")
    assert result.code == 0, result.err
    assert json.loads(Path("run/run.json").read_text())["model"]["spec"] == "bundled:digits-cnn"
