"""Robust accuracy at equal passes, compared with the nearest attack of other libraries."""

import warnings
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

import advkit
from advkit.attacks import ATTACKS
from advkit.engine import metered
from advkit.evaluate.measure import measure
from advkit.models.classifier import Classifier

N = 200
Peer = Callable[[Classifier, str, float], Callable[[Tensor, Tensor], Tensor]]


def torchattacks(name: str, **options: Any) -> Peer:
    """Return BIM or MIFGSM with 40 steps of eps / 10."""

    def make(model: Classifier, norm: str, eps: float) -> Callable[[Tensor, Tensor], Tensor]:
        library = pytest.importorskip("torchattacks", reason="the peers are installed apart")
        return getattr(library, name)(model, eps=eps, alpha=eps / 10, steps=40, **options)

    return make


def autoattack(kind: str, **options: Any) -> Peer:
    """Return the APGD of its authors, in L1 by way of larger balls as they run it."""

    def make(model: Classifier, norm: str, eps: float) -> Callable[[Tensor, Tensor], Tensor]:
        reason = "the peers are installed apart"
        library = pytest.importorskip("pyautoattack.autopgd_base", reason=reason)
        attack = getattr(library, kind)(
            model, norm=norm, eps=eps, device="cpu", use_largereps=norm == "L1", **options
        )
        return attack.perturb

    return make


def apgd(loss: str, steps: int, restarts: int = 1) -> Peer:
    return autoattack("APGDAttack", loss=loss, n_iter=steps, n_restarts=restarts)


def targeted(steps: int, classes: int) -> Peer:
    return autoattack("APGDAttack_targeted", n_iter=steps, n_target_classes=classes)


def stepwise(name: str) -> Peer:
    """Return an attack of torchattacks with one or forty steps."""

    def make(model: Classifier, _norm: str, eps: float) -> Callable[[Tensor, Tensor], Tensor]:
        library = pytest.importorskip("torchattacks", reason="the peers are installed apart")
        if name == "FGSM":
            return library.FGSM(model, eps=eps)
        return getattr(library, name)(model, eps=eps, alpha=eps / 10, steps=40)

    return make


RACES: dict[str, tuple[str, dict[str, Any], str, float, Peer]] = {
    "fgsm": ("fgsm", {}, "Linf", 0.1, stepwise("FGSM")),
    "pgd": ("pgd", {}, "Linf", 0.12, stepwise("PGD")),
    "pgd L2": ("pgd", {}, "L2", 1.2, stepwise("PGDL2")),
    "apgd": ("apgd", {}, "Linf", 0.12, apgd("ce", 100)),
    "apgd dlr": ("apgd", {"loss": "dlr"}, "Linf", 0.12, apgd("dlr", 100)),
    "apgd L2": ("apgd", {}, "L2", 1.2, apgd("ce", 100)),
    "bim": ("bim", {}, "Linf", 0.15, torchattacks("BIM")),
    "mifgsm": ("mifgsm", {}, "Linf", 0.15, torchattacks("MIFGSM", decay=1.0)),
    "apgd L1 10": ("apgd", {}, "L1", 10.0, apgd("ce", 100)),
    "apgd L1 15": ("apgd", {}, "L1", 15.0, apgd("ce", 100)),
    "apgd L1 dlr": ("apgd", {"loss": "dlr"}, "L1", 10.0, apgd("dlr", 100)),
    "apgd_targeted": ("apgd_targeted", {"n_targets": 2}, "Linf", 0.15, targeted(100, 2)),
    "apgd_targeted L1": (
        "apgd_targeted", {"n_targets": 2, "steps": 50}, "L1", 10.0, targeted(50, 2),
    ),
    "md": ("md", {}, "Linf", 0.15, apgd("dlr", 40, 2)),
    "md L2": ("md", {}, "L2", 1.0, apgd("dlr", 40, 2)),
    "pma": ("pma", {}, "Linf", 0.15, apgd("ce", 100, 2)),
    "pma L2": ("pma", {}, "L2", 1.0, apgd("ce", 100, 2)),
}  # fmt: skip


@pytest.mark.parametrize("race", RACES)
def test_not_weaker_than_the_peer_by_more_than_one_image(race: str) -> None:
    name, options, norm, eps, peer = RACES[race]
    model = advkit.load_model("bundled:fashion-mnist-cnn-robust")
    data = advkit.load_data("bundled:fashion-mnist", limit=N)
    attacks = {
        "peer": peer(model, norm, eps),
        "advkit": lambda x, y: ATTACKS[name](model, x, y, eps=eps, norm=norm, **options),
    }
    left, passes = {}, {}
    for who, attack in attacks.items():
        torch.manual_seed(0)
        with metered(model) as meter, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = attack(data.x.clone(), data.y.clone()).detach()
        rows = measure(model, data.x, data.y, found, norm=norm, eps=eps)
        left[who] = N - int((rows.fooled & rows.valid).sum())
        passes[who] = (meter.forwards + meter.backwards) / N
    assert left["advkit"] <= left["peer"] + 1
    assert passes["advkit"] <= 1.05 * passes["peer"]
