"""FGSM: one step of the whole budget along the gradient."""

from collections.abc import Sequence
from typing import Literal

from torch import Tensor

from advkit.attacks.walks import radii
from advkit.engine import evaluate
from advkit.engine.objectives import LOSSES, Model
from advkit.engine.projections import furthest


def fgsm(
    model: Model,
    x: Tensor,
    y: Tensor,
    *,
    eps: float | Tensor,
    norm: Literal["Linf", "L2", "L1"] = "Linf",
    targets: Tensor | None = None,
    seed: int = 0,
    ids: Sequence[str] | None = None,
    loss: Literal["ce", "dlr", "margin"] = "ce",
) -> Tensor:
    """Return the optimum of the linearised loss on ball and box (Goodfellow et al. 2015).

    One gradient, no forward pass at the result. Exact for linear models with two classes.

    Knows: gradients
    Cost: 1 forward, 1 backward
    Use: the cheapest look at a model; exact for linear models with two classes.
    Fails: on any model that is not linear within ``eps``: a lower bound of what is possible.
    Paper: Goodfellow et al. 2015, arXiv:1412.6572
    """
    if not len(x):
        return x
    slope = evaluate(LOSSES[loss](model, y, targets), x).gradient
    return furthest(norm, slope, x, radii(eps, x))
