"""Choose the gradient that leads attacks furthest: the model's own, or a substitute."""

from collections.abc import Callable, Collection, Iterable, Mapping
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor

from advkit.attacks.projected_gradient import pgd
from advkit.attacks.race_of_targets import race
from advkit.attacks.walks import margins_of
from advkit.engine import (
    backwards_turned,
    before_softmax,
    detours,
    inner_logits,
    rescaled,
    smoothed,
    straight_through,
)
from advkit.engine.objectives import Model, margins
from advkit.evaluate.gradient_checks import (
    FEW,
    followed,
    real_logits,
    same_predictions,
    some_gradient,
    true_gradient,
    unsaturated,
)
from advkit.evaluate.subject import Subject, share
from advkit.evaluate.trust_checks import Check

Change = Callable[[Model], Model]

CLEARLY, AT_LEAST = 0.1, 0.001
"""A gradient is better if it leads further by this share of its own progress, and of the mean
distance to the boundary: at a small eps no gradient leads far."""
PLAIN: dict[str, Change] = {
    "before_softmax": before_softmax,
    "inner_logits": inner_logits,
    "straight_through": straight_through,
    "backwards_turned": backwards_turned,
}
SAME_ANSWERS = ("straight_through", "backwards_turned")
GAP = 5.0
"""Mean clean margin to which saturated logits are scaled; its cross entropy is 0.007."""


def best_guide(subject: Subject) -> tuple[dict[str, Change], Check]:
    """Return the changes of the gradient that help, by name, in the order in which they apply.

    A change is tried if a check suggests it, and kept if PGD with 20 steps gets clearly further
    with it, judged by the model itself at the middle eps; at the largest if the outputs are
    constant within the middle one. If none helps alone, all are tried together: a gradient may be
    masked twice. If none helps at all, a correct gradient replaces an incorrect one.
    """
    causes, yardstick = _causes(subject), subject
    if not causes:
        seen = "There is no reason to try another gradient."
        return _unflat(subject, {}), Check("better_gradient", "pass", seen)
    if "before_softmax" in causes:
        yardstick = subject._replace(model=before_softmax(subject.model))
    found = _kept(yardstick, causes, subject.middle)
    if not found.kept and torch.equal(found.now, progress(yardstick, subject.x)):
        found = _kept(yardstick, causes, subject.eps[-1])
    check = _told(found, causes)
    return _unflat(subject, _truer(yardstick, found, causes).kept), check


class Found(NamedTuple):
    """The changes kept at ``eps``, and the margins (n,) reached without and with them."""

    eps: float
    kept: dict[str, Change]
    own: Tensor
    now: Tensor


def _kept(subject: Subject, causes: dict[str, Change], eps: float) -> Found:
    """Return the change that leads furthest alone, plus those that lead further on top of it."""
    own = reached(subject, eps)
    found = Found(eps, {}, own, own)
    alone = [_better(subject, found, causes, [name]) for name in causes]
    best = max(alone, key=lambda each: float(each.now.mean()))
    if not best.kept:
        return best if len(causes) == 1 else _better(subject, found, causes, causes)
    for name in causes:
        if name not in best.kept:
            best = _better(subject, best, causes, [name])
    return best


def _better(
    subject: Subject, found: Found, causes: dict[str, Change], names: Collection[str]
) -> Found:
    """Return ``found`` with the changes ``names`` added if they lead clearly further."""
    kept = {name: causes[name] for name in causes if name in found.kept or name in names}
    trial = reached(subject._replace(guide=changed(subject.guide, kept)), found.eps)
    start = progress(subject, subject.x)
    least = torch.maximum(CLEARLY * (trial - start).mean(), AT_LEAST * start.abs().mean())
    further = bool((trial - found.now).mean() > least)
    if further and int((trial > 0).sum()) >= int((found.now > 0).sum()):
        return found._replace(kept=kept, now=trial)
    return found


def _truer(subject: Subject, found: Found, causes: dict[str, Change]) -> Found:
    """Return ``found`` with a change that corrects a wrong gradient, if PGD fools no fewer with it.

    A clipped gradient, for example, may lead as far as the correct one. Only changes that keep the
    model's own outputs count: other logits may have a correct gradient of something else.
    """
    if found.kept or subject.random or _is_true(subject):
        return found
    for name in [each for each in causes if each in SAME_ANSWERS]:
        guided = subject._replace(guide=causes[name](subject.guide))
        if not _is_true(guided):
            continue
        now = reached(guided, found.eps)
        if int((now > 0).sum()) >= int((found.now > 0).sum()):
            return found._replace(kept={name: causes[name]}, now=now)
    return found


def _is_true(subject: Subject) -> bool:
    return some_gradient(subject).state == true_gradient(subject).state == "pass"


def _unflat(subject: Subject, changes: dict[str, Change]) -> dict[str, Change]:
    """Return ``changes``, plus a rescaling if the cross entropy is still flat with them."""
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
    """Return how far (`progress`) PGD with 20 steps gets within ``eps``, (n,)."""
    return progress(subject, subject.after(pgd, eps, steps=20, loss="margin"))


def progress(subject: Subject, x: Tensor) -> Tensor:
    """Return the margins (n,) of the model at ``x``, divided by the spread of the logits there.

    Above 0 the model is fooled. With two logits the margin itself is returned.
    """
    with torch.no_grad():
        logits = subject.model(x)
    over = margins(logits, subject.y)
    if logits.shape[1] < 3:
        return over
    return over / (logits.amax(1) - logits.mean(1)).clamp_min(1e-12)


def _causes(subject: Subject) -> dict[str, Change]:
    """Return the changes that checks suggest."""
    names, model = [], subject.model
    if same_predictions(model, before_softmax(model), subject.x):
        names.append("before_softmax")
    if has_inner_logits(subject) and _in_doubt(subject):
        names.append("inner_logits")
    if detours(model, subject.x[:1]):
        names.append("straight_through")
    causes = {name: change_named(name, subject) for name in names}
    found = followed(subject._replace(guide=changed(model, causes)))
    if len(found.along) and float(found.along.median()) < 0:
        causes["backwards_turned"] = backwards_turned
    elif found.misleads():
        causes["smoothed"] = change_named("smoothed", subject)
    return causes


def has_inner_logits(subject: Subject) -> bool:
    """Return whether an inner module predicts the same; for an average it shows one output only."""
    model = subject.model
    return not subject.random and same_predictions(model, inner_logits(model), subject.x)


def turns_alike(subject: Subject) -> bool:
    """Return whether the prediction of the model changes where that of the guide does.

    Tested just past the boundary of the guide: a single net of an ensemble predicts the same as all
    of them on clean images, but not there.
    """
    given = {"norm": subject.norm, "seed": subject.seed, "ids": subject.ids}
    x = race(subject.guide, subject.x, subject.y, steps=20, **given)  # type: ignore[arg-type]
    with torch.no_grad():
        outputs, turned = subject.model(x), subject.guide(x).argmax(1, keepdim=True)
    apart = outputs.gather(1, turned).squeeze(1) < outputs.amax(1)
    return int(apart.sum()) <= max(1, FEW * len(x))


def _in_doubt(subject: Subject) -> bool:
    """Return whether the outputs or their gradient fail a check."""
    return any(
        check(subject).state == "fail"
        for check in (real_logits, some_gradient, unsaturated, true_gradient)
    )


def change_named(name: str, subject: Subject) -> Change:
    """Return the change of this name, set up for norm, middle eps and the guide's logits."""
    if name == "smoothed":
        eps, n = float(torch.as_tensor(subject.radius(subject.middle)).mean()), subject.x[0].numel()
        return partial(smoothed, deviation=eps / 2 if subject.norm == "Linf" else eps / n**0.5)
    if name == "rescaled":
        apart = float(margins_of(subject.guide, subject.x, subject.y).abs().mean())
        return partial(rescaled, factor=GAP / max(apart, 1e-12))
    return PLAIN[name]


def _told(found: Found, causes: Iterable[str]) -> Check:
    seen = (
        f"At eps {found.eps:.4g} PGD fools {share(found.own > 0)} images with the model's own "
        f"gradient and {share(found.now > 0)} with another ({', '.join(found.kept or causes)})."
    )
    return Check("better_gradient", "fail" if found.kept else "pass", seen)
