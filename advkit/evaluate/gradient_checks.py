"""Checks of the outputs of the model and of their gradient, before any attack runs."""

from typing import NamedTuple

import torch
from torch import Tensor

from advkit.engine import Point, evaluate
from advkit.engine.objectives import Model, cross_entropy, margin, margins
from advkit.engine.seeding import keys, signs
from advkit.evaluate.randomised import SAME, seeded
from advkit.evaluate.subject import Subject, share
from advkit.evaluate.trust_checks import Check, State

FEW = 0.05
"""Share of images that may fail a check by chance."""


def same_answers(spread: float) -> Check:
    """Check that five outputs for one image differ only by rounding (Croce and Hein 2020)."""
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


def same_predictions(model: Model, other: Model, x: Tensor) -> bool:
    """Return whether ``other`` gives the predictions of ``model`` by different logits.

    A tie for the largest logit counts as a different prediction. Both draw the same random numbers.
    """
    with torch.no_grad():
        with seeded("same predictions"):
            outputs = model(x)
        with seeded("same predictions"):
            logits = other(x)
    differ = outputs.shape == logits.shape and not torch.equal(outputs, logits)
    return differ and bool((margins(logits, outputs.argmax(1)) < 0).all())


def some_gradient(subject: Subject) -> Check:
    """Check that the gradient of the margin is not zero (Carlini et al. 2019)."""
    zero = _slopes(subject).flatten(1).abs().amax(1) == 0
    seen = f"The gradient of the margin is zero or not finite at {share(zero)} images."
    return Check("zero_gradients", _state(zero), seen)


class Followed(NamedTuple):
    """How the margin agrees with its gradient, at every image (n,) where float32 can tell.

    ``along`` is the growth over a small step along the sign of the gradient, divided by the growth
    that the gradient predicts. ``aside`` is the difference of the two for a random step, divided by
    the lengths of step and gradient: it shows directions that are missing from the gradient.
    """

    along: Tensor
    aside: Tensor

    def wrong(self) -> Tensor:
        """Return where (n,) the gradient is wrong by more than half."""
        return (self.along < 0.5) | (self.along > 2) | (self.aside > 0.5)

    def misleads(self) -> bool:
        """Return whether it is wrong at more than a third of the images, or reversed at some.

        A kink makes the gradient wrong at an occasional image, but hardly ever reversed.
        """
        if not len(self.along):
            return False
        opposite, n = int((self.along < 0).sum()), len(self.along)
        return float(self.wrong().float().mean()) > 1 / 3 or opposite > max(1, FEW * n)


def true_gradient(subject: Subject) -> Check:
    """Check the gradient against small steps: along its sign, and random."""
    found = followed(subject)
    if not len(found.along):
        return Check("wrong_gradients", "not applicable", "There is no gradient to check.")
    seen = (
        f"After a step of {subject.small:g} along the gradient the margin had grown by "
        f"{float(found.along.median()):.2f} times what the gradient predicts (median); by less "
        f"than half or more than twice as much, or off by as much after a random step, at "
        f"{share(found.wrong())} images; it shrank at {int((found.along < 0).sum())}."
    )
    return Check("wrong_gradients", "fail" if found.misleads() else "pass", seen)


def followed(subject: Subject) -> Followed:
    """Return how the margin agrees with the gradient of the guide: four forward, one backward pass.

    Images where both the prediction and the step are below the resolution of float32 are left out.
    For a random step, that resolution is a lower limit of the divisor.
    """
    point = evaluate(margin(subject.guide, subject.y), subject.x)
    along = subject.small * point.gradient.sign()
    random = signs(keys(subject.seed, subject.ids, subject.x, "aside"), subject.x.shape[1:])
    aside = subject.small * random.to(subject.x)
    aside = torch.where((subject.x + aside - 0.5).abs() > 0.5, -aside, aside)
    steps = (along, aside, -aside)
    grown, told = zip(*(_grown(subject, point, step) for step in steps), strict=True)
    # A kink affects a one-sided step only, clipping of the input a two-sided one.
    one, both = grown[1] - told[1], (grown[1] - told[1] - grown[2] + told[2]) / 2
    length = subject.small * point.gradient.flatten(1).norm(dim=1)
    largest = point.output.abs().amax(1)
    off = torch.minimum(one.abs(), both.abs()) / length.clamp_min(3e-5 * largest)
    seen = (told[0] > 1e-5 * largest) | ((told[0] > 0) & (grown[0].abs() > 1e-4 * largest))
    return Followed((grown[0] / told[0])[seen], off[seen])


def _grown(subject: Subject, point: Point, step: Tensor) -> tuple[Tensor, Tensor]:
    """Return the growth of the margin over ``step``, measured and predicted, (n,) each."""
    moved = (subject.x + step).clamp(0, 1)  # a model may reject values outside [0, 1]
    after = evaluate(margin(subject.guide, subject.y), moved, gradient=False)
    return after.value - point.value, (point.gradient * (moved - subject.x)).flatten(1).sum(1)


def unsaturated(subject: Subject) -> Check:
    """Check that the cross entropy has a gradient wherever the margin has one."""
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
