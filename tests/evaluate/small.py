"""A small audit that takes a second: the digits, and a net trained on them by the test."""

import os
import signal
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from torch import Tensor, nn

from advkit.attacks.projected_gradient import pgd
from advkit.data.samples import Samples
from advkit.data.specs import load_data
from advkit.evaluate.audit import audit
from advkit.evaluate.store import open_store
from advkit.evaluate.unit_runner import bench
from advkit.evaluate.units import Do, Outcome, Unit
from advkit.models.classifier import Classifier

EPS = (0.02, 0.1, 0.2)
ATTACKS = ("noise:draws=2", "fgsm", "pgd:steps=5", "square:queries=20")


def digits_net() -> nn.Module:
    """Return an MLP for the digits, trained for a second; the same in every process."""
    samples = load_data("bundled:digits")
    with torch.random.fork_rng():
        torch.manual_seed(0)
        net = nn.Sequential(nn.Flatten(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))
        optimiser = torch.optim.Adam(net.parameters(), 0.01)
        for _ in range(60):
            optimiser.zero_grad()
            nn.functional.cross_entropy(net(samples.x), samples.y).backward()
            optimiser.step()
    return net


@cache
def classifier() -> Classifier:
    return Classifier(digits_net(), name="digits")


@cache
def some_digits(limit: int = 90) -> Samples:
    return load_data("bundled:digits", limit=limit)


def run(out: Path, **changes: Any) -> dict[str, Any]:
    given: dict[str, Any] = {"eps": EPS, "attacks": ATTACKS, "out": out, "jobs": 1, **changes}
    model, samples = given.pop("model", classifier()), given.pop("samples", some_digits())
    return audit(model, samples, **given)


RECIPE: dict[str, Any] = {"load": {"device": "cpu"}}


def worker(recipe: Mapping[str, Any]) -> Do:
    """Return a function that processes units on the digits, with the failures in ``recipe``."""
    samples = some_digits(recipe.get("limit", 90))
    do = bench(Classifier(digits_net(), name="digits"), samples, recipe)
    if "killed_at" not in recipe:
        return do

    def killed_once(unit: Unit) -> list[Outcome]:
        mark = Path(recipe["killed_at"])
        if not mark.exists() and unit.label.startswith(recipe.get("killed_in", "")):
            mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return do(unit)

    return killed_once


def table(out: Path, name: str = "results") -> pd.DataFrame:
    """Return the part of a table that must not depend on the course of the run."""
    with open_store(out) as store:
        frame = store.frame(name)
    return frame.drop(columns=[c for c in ("shard", "row") if c in frame])


def outside(
    model: nn.Module,
    x: Tensor,
    y: Tensor,
    *,
    eps: float,
    norm: str = "Linf",
    targets: Tensor | None = None,
    seed: int = 0,
    ids: object = None,
) -> Tensor:
    """An invalid attack, whose perturbations are larger than eps."""
    return (1 - x).clamp(0, 1)


def broken(model: nn.Module, x: Tensor, y: Tensor, **common: object) -> Tensor:
    """An attack that returns NaN."""
    return x * torch.nan


def raises(model: nn.Module, x: Tensor, y: Tensor, **common: object) -> Tensor:
    """An attack with a bug."""
    raise ZeroDivisionError("no step")


def returns_none(model: nn.Module, x: Tensor, y: Tensor, **common: object) -> None:
    """An attack that returns None."""


def returns_half(model: nn.Module, x: Tensor, y: Tensor, **common: object) -> Tensor:
    """An attack that returns too few images."""
    return x[: len(x) // 2]


def keeping(model: nn.Module, x: Tensor, y: Tensor, *, eps: float, **common: object) -> Tensor:
    """PGD, which returns its best iterate."""
    return pgd(model, x, y, eps=eps, norm="Linf", steps=20)


def forgetful(model: nn.Module, x: Tensor, y: Tensor, *, eps: float, **common: object) -> Tensor:
    """PGD that evaluates the model at its example, but returns the clean images."""
    model(pgd(model, x, y, eps=eps, norm="Linf", steps=20))
    return x
