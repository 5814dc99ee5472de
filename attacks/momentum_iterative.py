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
    """Return the best of ``steps`` + 1 iterates with momentum (Dong et al. 2018).

    Starts from ``x`` itself and follows the sum of all gradients so far, each divided by its L1
    size, with older ones weakened by ``decay`` per step. ``step`` is in units of ``eps``; in L1 as
    in `pgd`. Without ``stop`` it continues on samples that are already fooled, which examples for
    other nets need.

    Knows: gradients
    Cost: steps + 1 forward, steps backward
    Use: examples that should fool other nets too: momentum averages out what is special to this
        one.
    Fails: against the net itself it is no stronger than `pgd`.
    Paper: Dong et al. 2018, arXiv:1710.06081
    """
    if not len(x):
        return x
    objective = LOSSES[loss](model, y, targets)
    return climb(objective, x, x, y, targets, radius=radii(eps, x), norm=norm, steps=steps,
                 step=step, decay=decay, stop=stop).x  # fmt: skip
