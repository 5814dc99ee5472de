"""Objectives on logits: input -> one value per sample, and the logits. Attacks maximise them.

``y`` (n,) are the labels; with ``targets`` (n,) the objective is targeted.
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from advkit.engine.gradient import Objective

Model = Callable[[Tensor], Tensor]
"""(n, ...) in [0, 1] -> logits (n, n_classes)."""


def pick(logits: Tensor, classes: Tensor) -> Tensor:
    """Return the logit of ``classes`` (n,), (n,)."""
    return -_lowered(logits, classes)


def gap(logits: Tensor, up: Tensor, down: Tensor) -> Tensor:
    """Return the logit of ``up`` (n,) minus that of ``down`` (n,), (n,)."""
    return _lowered(logits, down) - _lowered(logits, up)


def _lowered(logits: Tensor, classes: Tensor) -> Tensor:
    # One kernel forward and one backward, where gather takes three each.
    return F.nll_loss(logits, classes, reduction="none")


def margins(logits: Tensor, y: Tensor, targets: Tensor | None = None) -> Tensor:
    """Return how far a sample is over the decision boundary, (n,): fooled if and only if > 0.

    Untargeted: best other logit minus that of ``y``. Targeted: logit of the target minus the best
    other. A tie is not fooled, nor is NaN, which NaN logits give.
    """
    up, down = rivals(logits, y, targets)
    return gap(logits, up, down)


def elsewhere(logits: Tensor, y: Tensor, targets: Tensor | None = None) -> Tensor:
    """Return whether the highest logit is not that of ``y``, or is that of the target, (n,).

    Includes all with `margins` > 0, and some ties and NaN besides, at a fraction of the cost.
    """
    first = logits.argmax(1)
    return first != y if targets is None else first == targets


def all_stand(logits: Tensor, y: Tensor, targets: Tensor | None = None) -> bool:
    """Return whether no sample is `elsewhere`."""
    if targets is None:
        return torch.equal(logits.argmax(1), y)
    return not bool(elsewhere(logits, y, targets).any())


def cross_entropy(model: Model, y: Tensor, targets: Tensor | None = None) -> Objective:
    """Return the cross entropy of ``y``, or minus that of ``targets``."""

    def value(x: Tensor, classes: Tensor) -> tuple[Tensor, Tensor]:
        logits = model(x)
        return F.cross_entropy(logits, classes, reduction="none"), logits

    return Objective(value, (y,)) if targets is None else minus(Objective(value, (targets,)))


def margin(model: Model, y: Tensor, targets: Tensor | None = None) -> Objective:
    """Return the margin: the difference of logits over the boundary (Carlini and Wagner 2017).

    Untargeted it is the best other logit minus that of ``y``; targeted the target's minus the best
    other (`margins`).
    """

    def value(x: Tensor, y: Tensor, *targets: Tensor) -> tuple[Tensor, Tensor]:
        logits = model(x)
        return margins(logits, y, *targets), logits

    return Objective(value, (y,) if targets is None else (y, targets))


def dlr(model: Model, y: Tensor, targets: Tensor | None = None) -> Objective:
    """Return the difference of logits ratio (Croce and Hein 2020), invariant to logit scale.

    Untargeted it divides by best minus third logit, targeted by best minus the mean of third and
    fourth. With fewer than 3 (targeted: 4) classes it does not divide: the direction of the
    gradient is then that of `margin`.
    """

    def untargeted(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        logits = model(x)
        return margins(logits, y) / _spread(logits, (2,)), logits

    def targeted(x: Tensor, y: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        logits = model(x)
        return gap(logits, targets, y) / _spread(logits, (2, 3)), logits

    return Objective(untargeted, (y,)) if targets is None else Objective(targeted, (y, targets))


def likeliest(logits: Tensor, y: Tensor) -> Tensor:
    """Return the classes other than ``y`` by descending logit, (n, classes - 1)."""
    others = torch.arange(logits.shape[1] - 1, device=y.device).expand(len(y), -1)
    others = others + (others >= y[:, None])
    order = logits.gather(1, others).argsort(dim=1, descending=True, stable=True)
    return others.gather(1, order)


def rivals(logits: Tensor, y: Tensor, targets: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Return the class to raise and the class to lower, (n,) each.

    Untargeted: the best other class, and ``y``. Targeted: the target, and the best other.
    """
    kept = y if targets is None else targets
    # argmax, then pick: the backward pass of a maximum costs three times as much.
    other = logits.detach().scatter(1, kept[:, None], -torch.inf).argmax(1)
    return (other, y) if targets is None else (targets, other)


def log_odds(logits: Tensor, classes: Tensor) -> Tensor:
    """Return log(p / (1 - p)) of ``classes`` (n,); unlike p it does not saturate."""
    others = logits.scatter(1, classes[:, None], -torch.inf)
    return pick(logits, classes) - others.logsumexp(1)


def probability_margin(model: Model, y: Tensor, targets: Tensor | None = None) -> Objective:
    """Return 2 artanh(p_up - p_down) of the two `rivals` (after Yang et al. 2024).

    It has the gradient direction of the difference of probabilities, but is computed from sums of
    exponentials of logits, so that it does not saturate at high confidence.
    """

    def value(x: Tensor, y: Tensor, *targets: Tensor) -> tuple[Tensor, Tensor]:
        logits = model(x)
        up, down = rivals(logits, y, *targets)
        return _doubled(logits, up, down) - _doubled(logits, down, up), logits

    return Objective(value, (y,) if targets is None else (y, targets))


def _doubled(logits: Tensor, twice: Tensor, never: Tensor) -> Tensor:
    """Return log of (1 - p_never + p_twice), up to a term common to both."""
    weights = torch.zeros_like(logits).scatter(1, twice[:, None], math.log(2))
    return (logits + weights.scatter(1, never[:, None], -torch.inf)).logsumexp(1)


def _spread(logits: Tensor, places: tuple[int, ...]) -> Tensor | float:
    if logits.shape[1] <= max(places):
        return 1.0
    top = logits.topk(max(places) + 1, dim=1).values
    low = torch.stack([top[:, place] for place in places]).mean(0)
    return top[:, 0] - low + 1e-12


def class_score(model: Model, classes: Tensor) -> Objective:
    """Return the logit of ``classes`` (n,) (Simonyan et al. 2013)."""

    def value(x: Tensor, classes: Tensor) -> tuple[Tensor, Tensor]:
        logits = model(x)
        return pick(logits, classes), logits

    return Objective(value, (classes,))


def class_gap(model: Model, y: Tensor, classes: Tensor) -> Objective:
    """Return the logit of ``classes`` (n,) minus that of ``y`` (n,)."""

    def value(x: Tensor, y: Tensor, classes: Tensor) -> tuple[Tensor, Tensor]:
        logits = model(x)
        return gap(logits, classes, y), logits

    return Objective(value, (y, classes))


def minus(objective: Objective) -> Objective:
    """Return the negative of ``objective``."""

    def value(x: Tensor, *fixed: Tensor) -> tuple[Tensor, Tensor]:
        value, output = objective.function(x, *fixed)
        return -value, output

    return Objective(value, objective.fixed)


def weighted(*terms: tuple[float, Objective]) -> Objective:
    """Return the weighted sum of objectives; the output is that of the first."""
    counts = [len(objective.fixed) for _, objective in terms]

    def value(x: Tensor, *fixed: Tensor) -> tuple[Tensor, Tensor]:
        total, output, at = torch.zeros(len(x), dtype=x.dtype, device=x.device), None, 0
        for (weight, objective), count in zip(terms, counts, strict=True):
            part, seen = objective.function(x, *fixed[at : at + count])
            total, output, at = (
                total + weight * part,
                seen if output is None else output,
                at + count,
            )
        assert output is not None, "weighted() needs a term"  # noqa: S101
        return total, output

    return Objective(value, tuple(f for _, objective in terms for f in objective.fixed))


LOSSES: dict[str, Callable[..., Objective]] = {
    "ce": cross_entropy,
    "dlr": dlr,
    "margin": margin,
    "probability": probability_margin,
}
