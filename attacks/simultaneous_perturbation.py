"""SPSA: follow gradients that are estimated along random signs, with Adam."""

from collections.abc import Sequence
from typing import Literal

from torch import Tensor

from advkit.attacks.estimated_gradient import Probing, climb, entrywise
from advkit.attacks.walks import radii
from advkit.engine import NORMS
from advkit.engine.objectives import LOSSES, Model
from advkit.engine.rules import adam, ball
from advkit.engine.seeding import keys, signs


def spsa(
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
    loss: Literal["ce", "dlr", "margin"] = "margin",
) -> Tensor:
    """Return the best of ``queries`` points (SPSA, Uesato et al. 2018).

    As `nes`, but the directions are random signs and the steps are those of Adam, ``step`` times
    ``eps`` long in every entry.

    Knows: scores
    Cost: queries forward, 0 backward
    Use: a second opinion beside `nes`.
    Fails: with few queries in high dimension: `square` needs a fraction of them.
    Paper: Uesato et al. 2018, arXiv:1802.05666
    """
    if not len(x):
        return x
    radius, stream = radii(eps, x), keys(seed, ids, x, "spsa")
    region, probing = (
        ball(NORMS[norm], x, radius),
        Probing(signs, entrywise(sigma * radius, x, norm), pairs),
    )
    objective = LOSSES[loss](model, y, targets)
    rule = adam(entrywise(step * radius, x, norm))
    return climb(objective, x, y, targets, rule, region, stream, probing, queries).x
