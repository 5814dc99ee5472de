"""DIM: momentum, through random resizing."""

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor

from advkit.attacks.transfer_walk import Draw, View, Way, travel
from advkit.engine import rows
from advkit.engine.objectives import Model
from advkit.engine.seeding import uniform
from advkit.engine.transforms import as_images, resize_and_pad


def dim(
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
    probability: float = 0.5,
    smallest: float = 0.9,
) -> Tensor:
    """Return the last iterate, with gradients of randomly shrunk images (Xie et al. 2019).

    At each step an image is, with ``probability``, shrunk to between ``smallest`` and all of its
    size and placed at random on a black frame. Each image has its own random draws.

    Knows: gradients
    Cost: steps + 2 forward, steps backward
    Use: examples for other nets at the cost of `mifgsm`; combined with `tim`, `sim`, `vmifgsm`.
    Fails: on tiny images, where a tenth of the width is less than a pixel.
    Paper: Xie et al. 2019, arXiv:1803.06978
    """
    way = diverse(Way(decay=decay), probability=probability, smallest=smallest)
    return travel(way, model, x, y, eps=eps, norm=norm, targets=targets, seed=seed, ids=ids,
                  steps=steps, step=step, loss=loss)  # fmt: skip


def diverse(way: Way, *, probability: float = 0.5, smallest: float = 0.9) -> Way:
    """Return ``way`` through images that are shrunk and shifted at random."""

    def change(x: Tensor, draw: Draw) -> Tensor:
        luck, size, *place = uniform(draw.keys, (4,), draw.stream).to(x.dtype).unbind(1)
        factor = smallest + (1 - smallest) * size
        shrunk = resize_and_pad(as_images(x), factor, torch.stack(place, 1)).reshape(x.shape)
        return torch.where(rows(luck < probability, x), shrunk, x)

    return way._replace(views=(*way.views, View(change)))
