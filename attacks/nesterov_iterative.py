"""NI-FGSM: momentum, with the gradient taken ahead of each step."""

from collections.abc import Sequence
from typing import Literal

from torch import Tensor

from advkit.attacks.transfer_walk import Way, travel
from advkit.engine.objectives import Model


def nifgsm(
    model: Model,
    x: Tensor,
    y: Tensor,
    *,
    eps: float | Tensor,
    norm: Literal["Linf", "L2"] = "Linf",
    targets: Tensor | None = None,
    seed: int = 0,
    ids: Sequence[str] | None = None,
    steps: int = 10,
    step: float = 0.1,
    loss: Literal["ce", "dlr", "margin", "probability"] = "ce",
    decay: float = 1.0,
) -> Tensor:
    """Return the last iterate with Nesterov momentum, which looks ahead (Lin et al. 2020).

    The gradient is taken where momentum alone would lead; the step is made from the current point.

    Knows: gradients
    Cost: steps + 2 forward, steps backward
    Use: examples for other nets, in place of `mifgsm`, at the same cost.
    Fails: with few steps it equals `mifgsm`; before momentum has settled it looks too far ahead.
    Paper: Lin et al. 2020, arXiv:1908.06281
    """
    way = looking_ahead(Way(decay=decay))
    return travel(way, model, x, y, eps=eps, norm=norm, targets=targets, seed=seed, ids=ids,
                  steps=steps, step=step, loss=loss)  # fmt: skip


def looking_ahead(way: Way) -> Way:
    """Return ``way`` with its gradients taken where momentum alone would lead."""
    return way._replace(ahead=True)
