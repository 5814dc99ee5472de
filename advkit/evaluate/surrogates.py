"""Which gradient leads attacks furthest: the model's own, or one made up for it."""

from collections.abc import Callable, Iterable, Mapping
from functools import partial

import torch
from torch import Tensor

from advkit.attacks.projected_gradient import pgd
from advkit.attacks.walks import margins_of
from advkit.engine import (
    backwards_turned,
    before_softmax,
    detours,
    rescaled,
    smoothed,
    straight_through,
)
from advkit.engine.objectives import Model
from advkit.evaluate.gradient_checks import agreement, logits_within, misled, unsaturated
from advkit.evaluate.subject import Subject, share
from advkit.evaluate.trust_checks import Check

Change = Callable[[Model], Model]

CLEARLY = 0.1
"""By how much of the mean clean margin a gradient must lead further to be the better one."""
PLAIN: dict[str, Change] = {
    "before_softmax": before_softmax,
    "straight_through": straight_through,
    "backwards_turned": backwards_turned,
}
GAP = 5.0
"""Mean clean margin to which saturated logits are scaled: the cross entropy of it is 0.007."""


def best_guide(subject: Subject) -> tuple[dict[str, Change], Check]:
    """Return the changes of the gradient that help, by name, each on top of those before it.

    A change is tried where there is cause to, and kept if PGD of 20 steps gets clearly further by
    it, judged by the model itself at the middle eps.
    """
    eps, kept, guide = subject.middle, {}, subject.guide
    causes, yardstick = _causes(subject), subject
    if not causes:
        seen = "There is no cause to try another gradient."
        return _unflat(subject, {}), Check("better_gradient", "pass", seen)
    if "before_softmax" in causes:
        yardstick = subject._replace(model=before_softmax(subject.model))
    own = now = reached(yardstick, eps)
    scale = float(yardstick.margins(subject.x).abs().mean())
    for name, change in causes.items():
        trial = reached(yardstick._replace(guide=change(guide)), eps)
        further = bool((trial - now).mean() > CLEARLY * scale)
        if further and int((trial > 0).sum()) >= int((now > 0).sum()):
            kept[name], now, guide = change, trial, change(guide)
    told = _told(kept or causes, bool(kept), own, now, eps)
    return _unflat(subject, kept), told


def _unflat(subject: Subject, changes: dict[str, Change]) -> dict[str, Change]:
    """Return ``changes``, and one of scale where the cross entropy is still flat with them."""
    guided = subject._replace(guide=changed(subject.guide, changes))
    if unsaturated(guided).state != "fail":
        return changes
    return {**changes, "rescaled": change_named("rescaled", guided)}


def changed(model: Model, changes: Mapping[str, Change]) -> Model:
    """Return ``model`` with all ``changes``."""
    for change in changes.values():
        model = change(model)
    return model


def reached(subject: Subject, eps: float) -> Tensor:
    """Return the margins (n,) that PGD of 20 steps reaches within ``eps``."""
    return subject.margins(subject.after(pgd, eps, steps=20, loss="margin"))


def _causes(subject: Subject) -> dict[str, Change]:
    """Return the changes that there is cause to try."""
    names = []
    if logits_within(subject.model, subject.x):
        names.append("before_softmax")
    if detours(subject.model, subject.x[:1]):
        names.append("straight_through")
    causes = {name: change_named(name, subject) for name in names}
    ratios = agreement(subject._replace(guide=changed(subject.model, causes)))
    if len(ratios) and float(ratios.median()) < 0:
        causes["backwards_turned"] = backwards_turned
    elif misled(ratios):
        causes["smoothed"] = change_named("smoothed", subject)
    return causes


def change_named(name: str, subject: Subject) -> Change:
    """Return the change of this name that suits the norm, the middle eps and the guide's logits."""
    if name == "smoothed":
        eps, n = float(torch.as_tensor(subject.radius(subject.middle)).mean()), subject.x[0].numel()
        return partial(smoothed, deviation=eps / 2 if subject.norm == "Linf" else eps / n**0.5)
    if name == "rescaled":
        apart = float(margins_of(subject.guide, subject.x, subject.y).abs().mean())
        return partial(rescaled, factor=GAP / max(apart, 1e-12))
    return PLAIN[name]


def _told(names: Iterable[str], better: bool, own: Tensor, now: Tensor, eps: float) -> Check:
    seen = (
        f"At eps {eps:.4g} PGD fools {share(own > 0)} images by the model's own gradient and "
        f"{share(now > 0)} by another ({', '.join(names)})."
    )
    return Check("better_gradient", "fail" if better else "pass", seen)
