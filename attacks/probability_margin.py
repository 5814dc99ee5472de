"""PMA: first the probability of one class alone, then the margin of probabilities."""

from collections.abc import Sequence
from typing import Literal

from torch import Tensor

from advkit.attacks.two_phases import two_phases
from advkit.engine.objectives import Model, log_odds, probability_margin


def pma(
    model: Model,
    x: Tensor,
    y: Tensor,
    *,
    eps: float | Tensor,
    norm: Literal["Linf", "L2"] = "Linf",
    targets: Tensor | None = None,
    seed: int = 0,
    ids: Sequence[str] | None = None,
    steps: int = 100,
    restarts: int = 2,
) -> Tensor:
    """Return the best point of ``restarts`` runs in two phases (PMA, Yang et al. 2024).

    As `md`, but with probabilities: the first run lowers that of the label, the second raises that
    of the likeliest other class; then both maximise their difference. Unlike in the paper all three
    are log odds, which rise in the same direction and do not saturate where one class is almost
    certain.

    Knows: gradients
    Cost: restarts * (steps + 2) forward, restarts * steps backward
    Use: the strongest untargeted attack for its passes on many adversarially trained nets.
    Fails: where the nearest class has a low logit: use `apgd_targeted`.
    Paper: Yang et al. 2024, arXiv:2411.15210
    """
    if not len(x):
        return x
    return two_phases(
        model, x, y, targets, eps=eps, norm=norm, seed=seed, ids=ids, steps=steps,
        restarts=restarts, purpose="pma", score=log_odds, difference=probability_margin,
    )  # fmt: skip
