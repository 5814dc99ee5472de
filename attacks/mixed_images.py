"""Admix: momentum, through copies into which other images are mixed."""

from collections.abc import Sequence
from typing import Literal

from torch import Tensor

from advkit.attacks.scale_invariant import scale_invariant
from advkit.attacks.transfer_walk import Draw, View, Way, travel
from advkit.engine.objectives import Model
from advkit.engine.seeding import uniform


def admix(
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
    mixes: int = 3,
    scales: int = 5,
    strength: float = 0.2,
) -> Tensor:
    """Return the last iterate, with gradients of images mixed with others (Wang et al. 2021).

    To each of ``mixes`` copies another image of the set, drawn at random and multiplied by
    ``strength``, is added (in the paper one of another class); each copy is evaluated at ``scales``
    brightness levels as in `sim`. Results depend on the set.

    Knows: gradients of all samples
    Cost: steps * mixes * scales + 2 forward, steps * mixes * scales backward
    Use: a set of images of several classes, where the number of passes matters less.
    Fails: on a single image, which is then mixed with itself.
    Paper: Wang et al. 2021, arXiv:2102.00436
    """
    way = mixed(Way(decay=decay), mixes=mixes, scales=scales, strength=strength)
    return travel(way, model, x, y, eps=eps, norm=norm, targets=targets, seed=seed, ids=ids,
                  steps=steps, step=step, loss=loss)  # fmt: skip


def mixed(way: Way, *, mixes: int = 3, scales: int = 5, strength: float = 0.2) -> Way:
    """Return ``way`` through images with a share of others, at several brightnesses."""

    def change(x: Tensor, draw: Draw) -> Tensor:
        other = uniform(draw.keys, (1,), draw.stream)[:, 0] * len(draw.pool)
        return x + strength * draw.pool[other.long()]

    return scale_invariant(way._replace(views=(*way.views, View(change, mixes))), scales=scales)
