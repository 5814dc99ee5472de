"""MI-FGSM: steps along a running sum of normalised gradients."""

from collections.abc import Sequence
from typing import Literal

from torch import Tensor

from advkit.attacks.projected_gradient import climb
from advkit.attacks.walks import radii
from advkit.engine.objectives import LOSSES, Model


def mifgsm(
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
    decay: float = 1.0,
    stop: bool = True,
) -> Tensor:
    """Return the best of ``steps`` + 1 points on a walk with momentum (Dong et al. 2018).

    From ``x`` itself along the sum of all gradients so far, each divided by its L1 size, the older
    ones weaker by ``decay`` per step. ``step`` is in units of ``eps``;
    in L1 as in `pgd`. Without ``stop`` a fooled sample walks on, as examples for other nets must.

    Knows: gradients
    Cost: steps + 1 forward, steps backward
    Use: examples that are to fool other nets too: momentum forgets what is special to this one.
    Fails: against the net itself it is no stronger than `pgd`.
    Paper: Dong et al. 2018, arXiv:1710.06081
    """
    if not len(x):
        return x
    objective = LOSSES[loss](model, y, targets)
    return climb(objective, x, x, y, targets, radius=radii(eps, x), norm=norm, steps=steps,
                 step=step, decay=decay, stop=stop).x  # fmt: skip
