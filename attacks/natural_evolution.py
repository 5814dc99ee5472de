"""NES: follow gradients that are estimated along random Gaussian directions."""

from collections.abc import Sequence
from typing import Literal

from torch import Tensor

from advkit.attacks.estimated_gradient import Probing, climb, entrywise
from advkit.attacks.walks import radii
from advkit.engine import NORMS
from advkit.engine.objectives import LOSSES, Model
from advkit.engine.rules import ball, momentum, steepest
from advkit.engine.seeding import keys, normal


def nes(
    model: Model,
    x: Tensor,
    y: Tensor,
    *,
    eps: float | Tensor,
    norm: Literal["Linf", "L2"] = "Linf",
    targets: Tensor | None = None,
    seed: int = 0,
    ids: Sequence[str] | None = None,
    queries: int = 1000,
    pairs: int = 10,
    sigma: float = 0.3,
    step: float = 0.1,
    decay: float = 0.99,
    loss: Literal["ce", "dlr", "margin"] = "margin",
) -> Tensor:
    """Return the best of ``queries`` points (NES, Ilyas et al. 2018).

    Each step estimates the gradient from ``pairs`` of mirrored probes along Gaussian directions, at
    ``sigma`` times ``eps``, and follows a running sum of the estimates, with older ones weakened by
    ``decay`` per step, by ``step`` times ``eps`` along the steepest direction of the norm. Probes
    stay in ball and box and count as points; estimates are corrected for probes that were clipped.

    Knows: scores
    Cost: queries forward, 0 backward
    Use: a gradient attack without gradients, where the squares of `square` do not suit the input.
    Fails: with few queries in high dimension: `square` needs a fraction of them.
    Paper: Ilyas et al. 2018, arXiv:1804.08598
    """
    if not len(x):
        return x
    radius, stream = radii(eps, x), keys(seed, ids, x, "nes")
    rule = momentum(steepest(NORMS[norm].steepest, step * radius), decay, NORMS["L2"].size)
    region, probing = (
        ball(NORMS[norm], x, radius),
        Probing(normal, entrywise(sigma * radius, x, norm), pairs),
    )
    objective = LOSSES[loss](model, y, targets)
    return climb(objective, x, y, targets, rule, region, stream, probing, queries).x
