"""MD: first one logit of the margin alone, then the margin."""

from collections.abc import Sequence
from typing import Literal

from torch import Tensor

from advkit.attacks.two_phases import two_phases
from advkit.engine.objectives import Model, margin, pick


def md(
    model: Model,
    x: Tensor,
    y: Tensor,
    *,
    eps: float | Tensor,
    norm: Literal["Linf", "L2"] = "Linf",
    targets: Tensor | None = None,
    seed: int = 0,
    ids: Sequence[str] | None = None,
    steps: int = 40,
    restarts: int = 2,
) -> Tensor:
    """Return the best point of ``restarts`` walks in two phases (Jiang et al. 2020).

    For half of the ``steps`` from a random point the first walk lowers the logit of the label, the
    second raises that of the likeliest other class; then both climb the margin. In each phase the
    step falls from twice ``eps`` to nothing by a cosine (in the paper it is constant in parts).

    Knows: gradients
    Cost: restarts * (steps + 2) forward, restarts * steps backward
    Use: models on which one term of the margin hides the slope of the other, by a scale of its own.
    Fails: where both terms saturate: `pma`, `apgd` with ``loss="dlr"``.
    Paper: Jiang et al. 2020, arXiv:2010.09624
    """
    if not len(x):
        return x
    return two_phases(
        model, x, y, targets, eps=eps, norm=norm, seed=seed, ids=ids, steps=steps,
        restarts=restarts, purpose="md", score=pick, difference=margin,
    )  # fmt: skip
