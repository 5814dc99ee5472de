"""BIM: steps along the gradient from the image itself."""

from collections.abc import Sequence
from typing import Literal

from torch import Tensor

from advkit.attacks.projected_gradient import climb
from advkit.attacks.walks import radii
from advkit.engine.objectives import LOSSES, Model


def bim(
    model: Model,
    x: Tensor,
    y: Tensor,
    *,
    eps: float | Tensor,
    norm: Literal["Linf", "L2", "L1"] = "Linf",
    targets: Tensor | None = None,
    seed: int = 0,
    ids: Sequence[str] | None = None,
    steps: int = 40,
    step: float = 0.1,
    loss: Literal["ce", "dlr", "margin", "probability"] = "ce",
    stop: bool = True,
) -> Tensor:
    """Return the best of ``steps`` + 1 iterates that start from ``x`` (Kurakin et al. 2017).

    `pgd` without a random start: the result does not depend on the seed. ``step`` is in units of
    ``eps``; in L1 as in `pgd`. Without ``stop`` it continues on samples that are already fooled
    (for `transfer`).

    Knows: gradients
    Cost: steps + 1 forward, steps backward
    Use: where results must not depend on a seed; comparison with older work.
    Fails: where the gradient at the image itself vanishes or misleads: `pgd` starts elsewhere.
    Paper: Kurakin et al. 2017, arXiv:1607.02533
    """
    if not len(x):
        return x
    objective = LOSSES[loss](model, y, targets)
    return climb(objective, x, x, y, targets, radius=radii(eps, x), norm=norm, steps=steps,
                 step=step, stop=stop).x  # fmt: skip
