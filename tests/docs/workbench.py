"""A directory with small versions of all files that the manual mentions."""

import contextlib
import shutil
import struct
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from click.testing import CliRunner
from PIL import Image

import advkit
from advkit.cli import cli
from tests.docs.small import lessen

BUNDLED = Path(advkit.__file__).parent / "models" / "bundled"
COLOURS = {"cat": (0.8, 0.2, 0.2), "dog": (0.2, 0.8, 0.2), "emu": (0.2, 0.2, 0.8)}
NET = '''
import torch
from torch import nn

COLOURS = torch.tensor([[0.8, 0.2, 0.2], [0.2, 0.8, 0.2], [0.2, 0.2, 0.8]])


class Net(nn.Module):
    """Deep enough for the layers that the manual names; it reads the three colours right."""

    def __init__(self, depth):
        super().__init__()
        layers = [nn.AdaptiveAvgPool2d(7), nn.Conv2d(3, 8, 3, padding=1), nn.ReLU()]
        for _ in range(3):
            layers += [nn.Conv2d(8, 8, 3, padding=1), nn.ReLU()]
        layers += [nn.Identity(), nn.Conv2d(8, 48, 3, padding=1), nn.ReLU()]
        self.features = nn.Sequential(*layers)
        self.head = nn.Linear(48, 3)

    def forward(self, x):
        return self.head(self.features(x).mean((2, 3)))


def make(depth=18):
    torch.manual_seed(0)
    net = Net(depth)
    codes = net.features(COLOURS[:, :, None, None].expand(3, 3, 7, 7)).mean((2, 3)).detach()
    codes = codes / codes.std()
    net.head.weight.data = 200 * (codes - codes.mean(0))
    middles = net.features(COLOURS[:, :, None, None].expand(3, 3, 7, 7)).mean((2, 3)).detach()
    net.head.bias.data = -0.5 * (net.head.weight.data * (middles + middles.mean(0))).sum(1)
    return net
'''
CLASSIFIER = """
import numpy as np
from sklearn.linear_model import LogisticRegression


def make():
    with np.load("train.npz") as held:
        x, y = held["x"], held["y"]
    return LogisticRegression(max_iter=500).fit(x.reshape(len(x), -1), y)
"""


def build(place: Path) -> Path:
    """Write the files into ``place``, an empty directory."""
    for name in ("net.py", "nets.py"):
        (place / name).write_text(NET + "\n\nmine = make\n")
    (place / "classifier.py").write_text(CLASSIFIER)
    _arrays(place)
    _photographs(place)
    _fashion(place)
    _recordings(place)
    shutil.copy(BUNDLED / "spoken-digits-small.safetensors", place / "words.safetensors")
    torch.save(torch.nn.Linear(4, 2), place / "model.pt")
    with contextlib.chdir(place):
        _weights(place)
        _runs(place)
    return place


def _weights(place: Path) -> None:
    _run("train --arch cnn --data npz:train.npz --epochs 3 --out model.safetensors")
    for name in ("net", "robust"):
        shutil.copy(place / "model.safetensors", place / f"{name}.safetensors")


def _runs(place: Path) -> None:
    """Run two audits of the same images, and one in two shards."""
    few = "--data npz:test.npz --suite quick --limit 2 --eps 4/255,8/255 --jobs 1"
    _run(f"audit --model model.safetensors {few} --out runs/a")
    _run(f"audit --model ./net.py:make {few} --out runs/b")
    for name in ("runs/standard", "main/run", "run"):
        shutil.copytree(place / "runs/a", place / name)
    shutil.copytree(place / "runs/b", place / "runs/robust")
    for shard in ("1/2", "2/2"):
        _run(f"audit --model model.safetensors {few} --out sharded --shard {shard}")


def _run(line: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        lessen(patch)
        patch.setattr(sys, "argv", ["advkit", *line.split()])  # a run records its command
        done = CliRunner().invoke(cli, line.split())
    assert done.exit_code == 0, done.output


def _coloured(n: int, side: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    draw = np.random.default_rng(seed)
    y = np.arange(n) % 3
    means = np.array(list(COLOURS.values()))[y][:, :, None, None]
    noisy = means + draw.normal(0, 0.05, (n, 3, side, side))
    return noisy.clip(0, 1).astype(np.float32), y


def _arrays(place: Path) -> None:
    for seed, (name, n) in enumerate({"train": 60, "test": 24, "own": 60}.items()):
        x, y = _coloured(n, 16, seed)
        np.savez(place / f"{name}.npz", x=x, y=y)


def _photographs(place: Path) -> None:
    x, y = _coloured(12, 16, 9)
    for i, (image, label) in enumerate(zip(x, y, strict=True)):
        folder = place / "photos" / list(COLOURS)[label]
        folder.mkdir(parents=True, exist_ok=True)
        pixels = (image.transpose(1, 2, 0) * 255).astype(np.uint8)
        Image.fromarray(pixels).save(folder / f"{i}.png")
    for name in ("photo", "painting", "a", "b"):
        Image.fromarray((x[0].transpose(1, 2, 0) * 255).astype(np.uint8)).save(
            place / f"{name}.jpg"
        )


def _fashion(place: Path) -> None:
    """Write torchvision's files of Fashion-MNIST, with a different bright band per class."""
    y = np.arange(120, dtype=np.uint8) % 10
    x = np.random.default_rng(0).integers(0, 60, (120, 28, 28), np.uint8)
    for image, label in zip(x, y, strict=True):
        image[2 * label : 2 * label + 6] += 180
    for root in ("data", "DIR"):
        raw = place / root / "FashionMNIST" / "raw"
        raw.mkdir(parents=True)
        for part in ("train", "t10k"):
            head = struct.pack(">IIII", 0x803, len(x), 28, 28)
            (raw / f"{part}-images-idx3-ubyte").write_bytes(head + x.tobytes())
            (raw / f"{part}-labels-idx1-ubyte").write_bytes(
                struct.pack(">II", 0x801, len(y)) + y.tobytes()
            )


def _recordings(place: Path) -> None:
    held = advkit.load_data("bundled:spoken-digits", limit=20)
    for i, (clip, label) in enumerate(zip(held.x, held.y, strict=True)):
        wave = (2 * clip - 1).flatten().numpy()
        for root in ("speech", "train", "test"):
            folder = place / root / held.classes[int(label)]
            folder.mkdir(parents=True, exist_ok=True)
            soundfile.write(folder / f"{i}.wav", wave, 8000)
