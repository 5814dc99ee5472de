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
    """Return the best point of ``restarts`` runs in two phases (Jiang et al. 2020).

    For half of the ``steps``, from a random point, the first run lowers the logit of the label and
    the second raises that of the likeliest other class; then both maximise the margin. In each
    phase the step falls from twice ``eps`` to zero by a cosine (in the paper it is piecewise
    constant).

    Knows: gradients
    Cost: restarts * (steps + 2) forward, restarts * steps backward
    Use: models in which one term of the margin, on a larger scale, hides the slope of the other.
    Fails: where both terms saturate: use `pma`, or `apgd` with ``loss="dlr"``.
    Paper: Jiang et al. 2020, arXiv:2010.09624
    """
    if not len(x):
        return x
    return two_phases(
        model, x, y, targets, eps=eps, norm=norm, seed=seed, ids=ids, steps=steps,
        restarts=restarts, purpose="md", score=pick, difference=margin,
    )  # fmt: skip
