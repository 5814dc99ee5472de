"""SIM: momentum, through copies of the image at decreasing brightness."""

from collections.abc import Sequence
from typing import Literal

from torch import Tensor

from advkit.attacks.transfer_walk import View, Way, travel
from advkit.engine.objectives import Model


def sim(
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
    scales: int = 5,
) -> Tensor:
    """Return the last iterate of the mean gradient over x, x/2, x/4 ... (Lin et al. 2020).

    Nets classify an image much the same at half its brightness: ``scales`` copies stand in for
    other nets.

    Knows: gradients
    Cost: steps * scales + 2 forward, steps * scales backward
    Use: as a part of a stronger method (`dim`, `tim`, `nifgsm`).
    Fails: on bright drawings on black, whose dark copies a net does not recognise.
    Paper: Lin et al. 2020, arXiv:1908.06281
    """
    way = scale_invariant(Way(decay=decay), scales=scales)
    return travel(way, model, x, y, eps=eps, norm=norm, targets=targets, seed=seed, ids=ids,
                  steps=steps, step=step, loss=loss)  # fmt: skip


def scale_invariant(way: Way, *, scales: int = 5) -> Way:
    """Return ``way`` through ``scales`` copies, each half as bright as the one before."""
    view = View(lambda x, draw: x / 2**draw.copy, scales)
    return way._replace(views=(*way.views, view))
