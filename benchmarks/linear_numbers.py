"""Why linear models are fooled, in numbers: ten inputs checked by hand, then growing dimensions.

The ten are those of Karpathy, "Breaking linear classifiers on ImageNet" (2015).
"""

import math

import pandas as pd
import torch
from torch import Tensor

from advkit.attacks import ATTACKS
from advkit.attacks.linear_distances import exact_nearest
from advkit.engine.seeding import keys, signs

X = (2.0, -1.0, 3.0, -2.0, 2.0, 2.0, 1.0, -4.0, 5.0, 1.0)
W = (-1.0, -1.0, 1.0, -1.0, 1.0, -1.0, 1.0, 1.0, -1.0, 1.0)
EPS = tuple(i / 20 for i in range(21))
DIMENSIONS = (10, 30, 100, 300, 1_000, 3_000, 10_000, 30_000, 150_528)
"""The last is a colour photograph of 224 x 224 pixels."""


def ten_numbers() -> pd.DataFrame:
    """Return a row per eps and input of x + eps sign(w): the contribution of each of the ten.

    Columns: eps, input (1 to 10), x, w, move, moved, product (w times moved).
    """
    x, w = torch.tensor([X, W], dtype=torch.float64)
    frames = []
    for eps in EPS:
        move = eps * w.sign()
        columns = {"x": x, "w": w, "move": move, "moved": x + move, "product": w * (x + move)}
        told = {name: column.tolist() for name, column in columns.items()}
        frames.append(pd.DataFrame({"eps": eps, "input": range(1, 11), **told}))
    return pd.concat(frames, ignore_index=True)


def ten_scores(numbers: pd.DataFrame) -> pd.DataFrame:
    """Return a row per eps: ``score`` (the sum of the products) and ``probability`` of class 1."""
    scores = numbers.groupby("eps")["product"].sum()
    told = [1 / (1 + math.exp(-score)) for score in scores]
    return pd.DataFrame({"eps": scores.index, "score": scores.to_list(), "probability": told})


def ten_flips() -> pd.DataFrame:
    """Return, per ``norm``, the exact ``distance`` to the other class, without the box."""
    x, w = torch.tensor([X, W], dtype=torch.float64)
    weight = torch.stack([0 * w, w])
    label = torch.tensor([0])
    found = {
        norm: float(
            exact_nearest(weight, weight[:, 0] * 0, x[None], label, norm, box=False).distance
        )
        for norm in ("Linf", "L2", "L1", "L0")
    }
    return pd.DataFrame({"norm": found.keys(), "distance": found.values()})


class _TwoClasses(torch.nn.Module):
    """Logits 0 and w . x + b."""

    def __init__(self, weight: Tensor) -> None:
        super().__init__()
        self.weight = weight

    def forward(self, x: Tensor) -> Tensor:
        score = (x - 0.5) @ self.weight
        return torch.stack([torch.zeros_like(score), score], 1)


def dimension(eps: float = 2 / 255, images: int = 20, seed: int = 0) -> pd.DataFrame:
    """Return a row per number of inputs: how much ``eps`` changes the score of a linear model.

    Weights are 1 or -1 in every dimension; images are uniform in [eps, 1 - eps], so that the box
    never constrains. Columns: inputs, ``predicted`` (eps times the L1 norm of the weights),
    ``measured``, ``low``, ``high`` (mean, smallest and largest change of the score by `fgsm` over
    ``images``), ``noise`` (root mean square change by random signs of the same eps), ``spread``
    (standard deviation of the clean score), ``images``.
    """
    return pd.DataFrame([_at(d, eps, images, seed) for d in DIMENSIONS])


def _at(d: int, eps: float, images: int, seed: int) -> dict[str, float]:
    g = torch.Generator().manual_seed(seed)
    weight = torch.where(torch.rand(d, generator=g) < 0.5, -1.0, 1.0)
    x = eps + (1 - 2 * eps) * torch.rand(images, d, generator=g)
    model, label = _TwoClasses(weight), torch.zeros(images, dtype=torch.long)
    moved = ATTACKS["fgsm"](model, x, label, eps=eps, norm="Linf", loss="margin")
    random = x + eps * signs(keys(seed, None, x, "dimension"), (d,), 0).to(x.dtype)
    score = _score(weight, x)
    change, chance = _score(weight, moved) - score, _score(weight, random) - score
    return {
        "inputs": d,
        "predicted": eps * float(weight.abs().sum()),
        "measured": float(change.mean()),
        "low": float(change.min()),
        "high": float(change.max()),
        "noise": float(chance.square().mean().sqrt()),
        "spread": float(score.std()),
        "images": images,
    }


def _score(weight: Tensor, x: Tensor) -> Tensor:
    return (x.double() - 0.5) @ weight.double()
