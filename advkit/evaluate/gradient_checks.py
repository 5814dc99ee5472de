"""Checks of what the model answers and of its gradient: before any attack runs."""

import torch
from torch import Tensor

from advkit.engine import before_softmax, evaluate
from advkit.engine.objectives import Model, cross_entropy, margin
from advkit.evaluate.randomised import SAME
from advkit.evaluate.subject import Subject, share
from advkit.evaluate.trust_checks import Check, State

FEW = 0.05
"""Share of images that may fail a check: some image somewhere always does."""


def same_answers(spread: float) -> Check:
    """Check that five answers to one image differ by no more than rounding (Croce et al. 2020)."""
    seen = f"Five answers to the same images differ by up to {spread:.1g} of the largest logit."
    return Check("randomised_predictions", "fail" if spread > SAME else "pass", seen)


def real_logits(subject: Subject) -> Check:
    """Check that the outputs are not probabilities."""
    with torch.no_grad():
        outputs = subject.model(subject.x)
    found = bool((outputs >= 0).all()) and bool(((outputs.sum(1) - 1).abs() < 1e-3).all())
    low, high = float(outputs.min()), float(outputs.max())
    sums = " and add up to 1" if found else ""
    seen = f"Outputs lie between {low:.3g} and {high:.3g}{sums}."
    return Check("softmax_outputs", "fail" if found else "pass", seen)


def logits_within(model: Model, x: Tensor) -> bool:
    """Return whether logits before a softmax can be had, which give the same predictions."""
    with torch.no_grad():
        outputs, logits = model(x), before_softmax(model)(x)
    same = outputs.shape == logits.shape and not torch.equal(outputs, logits)
    return same and bool(
        (logits.gather(1, outputs.argmax(1)[:, None])[:, 0] == logits.amax(1)).all()
    )


def some_gradient(subject: Subject) -> Check:
    """Check that the margin has a gradient that is not zero (Carlini et al. 2019)."""
    zero = _slopes(subject).flatten(1).abs().amax(1) == 0
    seen = f"The gradient of the margin is zero or not finite at {share(zero)} images."
    return Check("zero_gradients", _state(zero), seen)


def true_gradient(subject: Subject) -> Check:
    """Check a gradient against a small step along its sign."""
    ratios = agreement(subject)
    if not len(ratios):
        return Check("wrong_gradients", "not applicable", "There is no gradient to try.")
    wrong = _wrong(ratios)
    seen = (
        f"After a step of {subject.small:g} along the gradient the margin had grown by "
        f"{float(ratios.median()):.2f} times what the gradient says (median); by less than half "
        f"or more than twice of it at {share(wrong)} images."
    )
    return Check("wrong_gradients", "fail" if misled(ratios) else "pass", seen)


def misled(ratios: Tensor) -> bool:
    """Return whether the gradient is wrong by more than half at more than a third of the images."""
    return len(ratios) > 0 and float(_wrong(ratios).float().mean()) > 1 / 3


def _wrong(ratios: Tensor) -> Tensor:
    return (ratios < 0.5) | (ratios > 2)


def agreement(subject: Subject) -> Tensor:
    """Return how much the margin grows per what the gradient says, where it says anything."""
    point = evaluate(margin(subject.guide, subject.y), subject.x)
    moved = subject.x + subject.small * point.gradient.sign()
    told = (point.gradient * (moved - subject.x)).flatten(1).sum(1)
    after = evaluate(margin(subject.guide, subject.y), moved, gradient=False)
    seen = told > 1e-5 * point.output.abs().amax(1)
    return ((after.value - point.value) / told)[seen]


def unsaturated(subject: Subject) -> Check:
    """Check that the cross entropy has a gradient where the margin has one."""
    here = _slopes(subject).flatten(1).abs().amax(1) > 0
    if not bool(here.any()):
        return Check("saturated_loss", "not applicable", "The margin has no gradient either.")
    slope = evaluate(cross_entropy(subject.guide, subject.y), subject.x).gradient
    flat = (slope.flatten(1).abs().amax(1) == 0)[here]
    seen = f"The gradient of the cross entropy is zero at {share(flat)} images."
    return Check("saturated_loss", _state(flat), seen)


def _slopes(subject: Subject) -> Tensor:
    return evaluate(margin(subject.guide, subject.y), subject.x).gradient


def _state(bad: Tensor) -> State:
    return "fail" if float(bad.float().mean()) > FEW else "pass"
