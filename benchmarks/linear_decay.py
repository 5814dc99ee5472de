"""Weight decay: smooth templates and visible perturbations against noisy and invisible ones.

After Karpathy, "Breaking linear classifiers on ImageNet" (2015): with little decay one image went
from 31.2% of its class to 99.5% of another, with much from 6.6% to 8.5% and a visible blob.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from advkit.attacks import ATTACKS
from advkit.attacks.linear_distances import exact_nearest
from advkit.benchmarks.linear_fits import Fit, Halves, accuracy, class_names, fit, templates
from advkit.data.samples import Samples

DECAYS = (1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1.0)
MARGIN = math.log(99)
"""In logits: the target's probability is 99% with two classes."""
RANDOM, REACH = 20, 0.25


class Strength(NamedTuple):
    """Step along the difference of two templates, and the target's probability there; (n,) each."""

    strength: Tensor
    moved: Tensor
    probability: Tensor


def path(data: Halves, decays: Sequence[float] = DECAYS) -> list[Fit]:
    """Return softmax regressions fitted with each weight decay, ascending."""
    return [fit(data.train, decay) for decay in sorted(decays)]


def along_path(fits: Sequence[Fit], decays: Sequence[float], data: Halves) -> pd.DataFrame:
    """Return a row per decay: accuracy and robustness.

    Columns: decay, ``size`` (L2 of all weights), ``roughness`` (mean step between neighbouring
    pixels of the templates, over their mean size), ``train`` and ``test`` (images classified
    correctly), n_train, n_test, ``Linf`` and ``L2`` (median exact distance of the test images that
    are classified correctly).
    """
    rows = []
    for decay, fitted in zip(sorted(decays), fits, strict=True):
        (train, n_train), (test, n_test) = (accuracy(fitted, part) for part in data)
        rows.append({
            "decay": decay, "size": float(fitted.weights.weight.norm()),
            "roughness": roughness(templates(fitted, data.test.x.shape[1:])),
            "train": train, "n_train": n_train, "test": test, "n_test": n_test,
            **{norm: _median(fitted, data.test, norm) for norm in ("Linf", "L2")},
        })  # fmt: skip
    return pd.DataFrame(rows)


def _median(fitted: Fit, samples: Samples, norm: str) -> float:
    found = exact_nearest(*fitted.weights, samples.x, samples.y, norm).distance
    right = found[found > 0]
    return float(right.median()) if len(right) else 0.0


def roughness(images: Tensor) -> float:
    """Return the mean difference of neighbouring pixels of images (n, ...), over their mean size.

    About 1.4 for noise, near 0 for a smooth image; flat inputs have neighbours in one direction.
    """
    steps = [images.diff(dim=axis).abs().mean() for axis in range(1 if images.ndim < 4 else 2,
                                                                  images.ndim)]  # fmt: skip
    return float(torch.stack(steps).mean() / images.abs().mean().clamp_min(1e-300))


def strength(fitted: Fit, x: Tensor, source: Tensor, target: Tensor, margin: float) -> Strength:
    """Return e* = (s_source - s_target + margin) / |w_target - w_source|^2, and its end point.

    At ``x + e* (w_target - w_source)`` the target's logit exceeds the source's by ``margin``: the
    closed form of the smallest L2 perturbation, without the box. ``probability`` is the target's
    there, over all classes.
    """
    weight, _ = fitted.weights
    logits, way = fitted.weights.logits(x), weight[target] - weight[source]
    gap = (logits.gather(1, source[:, None]) - logits.gather(1, target[:, None])).squeeze(1)
    found = (gap + margin) / way.square().sum(1)
    moved = x.double() + (found[:, None] * way).view(x.shape)
    return Strength(found, moved, _probability(fitted, moved, target))


def _probability(fitted: Fit, x: Tensor, classes: Tensor) -> Tensor:
    return fitted.weights.logits(x).softmax(1).gather(1, classes[:, None]).squeeze(1)


def foolings(fits: Sequence[Fit], decays: Sequence[float], samples: Samples) -> pd.DataFrame:
    """Return a row per decay: the perturbation that makes each image the class after its label.

    Medians over the test images that all models classify correctly: ``before`` and
    ``target_before`` (probabilities of label and target), ``strength`` (e* with a margin of ln 99),
    ``L2`` and ``Linf`` (of the perturbation), ``after`` (the target's probability), ``same`` (its
    probability after a perturbation of the L2 size that the least decay needs), and ``images``.
    """
    right = torch.stack([f.weights.logits(samples.x).argmax(1) == samples.y for f in fits]).all(0)
    x, y = samples.x[right], samples.y[right]
    target = (y + 1) % len(class_names(samples))
    rows, common = [], None
    for decay, fitted in zip(sorted(decays), fits, strict=True):
        found = strength(fitted, x, y, target, MARGIN)
        change = (found.moved - x.double()).flatten(1)
        size = change.norm(dim=1)
        common = size if common is None else common
        same = x.double() + (change * (common / size)[:, None]).view(x.shape)
        told = {
            "before": _probability(fitted, x, y), "target_before": _probability(fitted, x, target),
            "strength": found.strength, "L2": size, "Linf": change.abs().amax(1),
            "after": found.probability, "same": _probability(fitted, same, target),
        }  # fmt: skip
        medians = {name: float(part.median()) if len(x) else np.nan for name, part in told.items()}
        rows.append({"decay": decay, **medians, "images": len(x)})
    return pd.DataFrame(rows)


def random_images(
    fits: Sequence[Fit], decays: Sequence[float], shape: Sequence[int], seed: int = 0
) -> pd.DataFrame:
    """Return a row per decay: random images perturbed towards every class by PGD within Linf 0.25.

    Columns: decay, ``images`` (20 uniform ones per class), ``sure`` (how many are then predicted as
    the target class with 99% or more), ``mean`` and ``least`` (its probability), eps.
    """
    rows, g = [], torch.Generator().manual_seed(seed)
    k = len(fits[0].weights.bias)
    x = torch.rand(RANDOM, *shape, generator=g).repeat(k, *[1] * len(shape))
    targets = torch.arange(k).repeat_interleave(RANDOM)
    for decay, fitted in zip(sorted(decays), fits, strict=True):
        y = fitted.model(x).argmax(1)
        found = ATTACKS["pgd"](fitted.model, x, y, targets=targets, eps=REACH, seed=seed, steps=20)
        # PGD stops once the target is predicted; the rest of the budget raises its probability.
        way = fitted.weights.weight[targets] - fitted.weights.weight.mean(0)
        pushed = (x.double() + REACH * way.sign().view(x.shape)).clamp(0, 1)
        p = torch.maximum(*(_probability(fitted, z.double(), targets) for z in (found, pushed)))
        rows.append({"decay": decay, "images": len(x), "sure": int((p >= 0.99).sum()),
                     "mean": float(p.mean()), "least": float(p.min()), "eps": REACH})  # fmt: skip
    return pd.DataFrame(rows)


class Shown(NamedTuple):
    """An image, the perturbation that makes it another class by the margin, and their sum."""

    decay: float
    source: str
    target: str
    before: float
    after: float
    clean: Tensor
    change: Tensor
    moved: Tensor


def shown(fits: Sequence[Fit], decays: Sequence[float], samples: Samples) -> list[Shown]:
    """Return one image with the perturbations that fool the models of least and most decay.

    It is the first that both classify correctly; the target is the class after its label.
    """
    ends = [(min(decays), fits[0]), (max(decays), fits[-1])]
    right = torch.stack([f.weights.logits(samples.x).argmax(1) == samples.y for _, f in ends])
    index = right.all(0).nonzero().squeeze(1)[:1]
    names, found = class_names(samples), []
    for decay, fitted in ends if len(index) else []:
        x, y = samples.x[index], samples.y[index]
        target = (y + 1) % len(names)
        there = strength(fitted, x, y, target, MARGIN)
        moved = there.moved[0]
        found.append(Shown(decay, names[int(y)], names[int(target)],
                           float(_probability(fitted, x, y)), float(there.probability),
                           x[0], moved - x[0].double(), moved))  # fmt: skip
    return found
