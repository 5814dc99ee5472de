"""Published nets and verified instances, from a directory of tensors with their sources.

``models/models.jsonl`` describes each net: layers, keys of the weights, normalisation and published
results; ``vnncomp/`` contains boxes of VNN-COMP 2021 and the verdicts of its tools.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from advkit.models.classifier import Classifier

TESTS = {
    "mnist": "mnist/test_0000_4999.npz",
    "fashion_mnist": "fashion_mnist/test_0000_1999.npz",
    "cifar10": "cifar10/test_jpeg_0000_1999.npz",
}
PARTS = ("conv1", "conv2", "shortcut")
Row = dict[str, Any]


class Block(nn.Module):
    """Residual block: two convolutions with a shortcut, then a ReLU."""

    def __init__(self, row: Row) -> None:
        super().__init__()
        self.conv1, self.conv2 = convolution(row["conv1"]), convolution(row["conv2"])
        identity = row["shortcut"] == "identity"
        self.shortcut = nn.Identity() if identity else convolution(row["shortcut"])

    def forward(self, x: Tensor) -> Tensor:
        """Return the output of the block."""
        inner = self.conv2(torch.relu(self.conv1(x)))
        return torch.relu(inner + self.shortcut(x))


def lines(file: Path) -> list[Row]:
    """Return the objects of a JSON Lines file."""
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


def told_of(data: Path, name: str) -> Row:
    """Return the description of the net ``name``."""
    (row,) = (each for each in lines(data / "models" / "models.jsonl") if each["name"] == name)
    return row


def known_net(data: Path, name: str, *, normalised: bool = True) -> Classifier:
    """Return the net ``name`` with its weights, and with its normalisation if it has one."""
    told = told_of(data, name)
    weights, layers = load_file(data / "models" / told["file"]), []
    for row in told["layers"]:
        layers.append(layer(row))
        for part in PARTS if row["type"] == "residual_block" else ("",):
            place = row[part] if part else row
            if isinstance(place, dict) and "key" in place:
                _filled(getattr(layers[-1], part) if part else layers[-1], weights, place["key"])
    how = told["normalize"] if normalised and told["normalize"] else {}
    shape = tuple(told["input"]["shape"])
    return Classifier(nn.Sequential(*layers), name=name, shape=shape, **how)


def layer(row: Row) -> nn.Module:
    """Return one layer, with weights still to be loaded."""
    if row["type"] == "linear":
        return nn.Linear(row["in_features"], row["out_features"], bias=row["bias"])
    make: dict[str, Any] = {
        "conv2d": lambda: convolution(row), "residual_block": lambda: Block(row),
        "relu": nn.ReLU, "sigmoid": nn.Sigmoid, "flatten": nn.Flatten,
    }  # fmt: skip
    return make[row["type"]]()  # type: ignore[no-any-return]


def convolution(row: Row) -> nn.Conv2d:
    """Return a convolution."""
    size = row["in_channels"], row["out_channels"], row["kernel"]
    return nn.Conv2d(*size, row["stride"], row["padding"], bias=row["bias"])


def _filled(module: nn.Module, weights: dict[str, Tensor], key: str) -> None:
    module.load_state_dict({part: weights[f"{key}.{part}"] for part in module.state_dict()})


def first_images(data: Path, dataset: str, n: int) -> tuple[Tensor, Tensor]:
    """Return the first ``n`` test images (n, channels, height, width) in [0, 1], and labels."""
    with np.load(data / TESTS[dataset]) as saved:
        x, y = torch.tensor(saved["x"][:n]), torch.tensor(saved["y"][:n].astype(int))
    x = x.float() / 255
    return x[:, None] if x.ndim == 3 else x.permute(0, 3, 1, 2).contiguous(), y


def boxes(data: Path, rows: list[Row], shape: tuple[int, ...]) -> tuple[Tensor, Tensor]:
    """Return images and radii (n,) whose Linf balls, clipped to [0, 1], are the given boxes."""
    with np.load(data / "vnncomp" / rows[0]["npz"]) as saved:
        low, high = (torch.tensor(saved[key][[row["row"] for row in rows]]) for key in ("lo", "hi"))
    if rows[0]["input_layout"].startswith("NHWC"):
        channels, *size = shape
        low, high = (each.view(-1, *size, channels).permute(0, 3, 1, 2) for each in (low, high))
    low, high = low.reshape(-1, *shape), high.reshape(-1, *shape)
    if rows[0]["normalize"]:
        mean, std = (torch.tensor(each).double()[:, None, None] for each in rows[0]["normalize"])
        low, high = low * std + mean, high * std + mean
    eps = (high - low).flatten(1).amax(1) / 2
    reach = eps.view(-1, *[1] * len(shape))
    return torch.where(low > 1e-6, low + reach, high - reach).clamp(0, 1).float(), eps.float()
