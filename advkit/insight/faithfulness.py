"""Faithfulness of maps: deletion and insertion curves, pointing game."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from advkit.engine.seeding import keys, uniform
from advkit.engine.transforms import as_images, blur
from advkit.insight.method_input import Look, each_draw
from advkit.insight.similarity import descending

ORDERS, STEPS = 8, 20
"""Random orders to compare a map with, and points of a curve."""


def order_of(saliency: Tensor) -> Tensor:
    """Return the pixels of maps (n, height, width) in descending order, (n, pixels)."""
    ranked = [descending(each.double().cpu().numpy()) for each in saliency]
    return torch.from_numpy(np.stack(ranked)).to(saliency.device)


def deletion(look: Look, order: Tensor, fill: Tensor, steps: int = STEPS) -> Tensor:
    """Return the score while pixels are replaced by ``fill`` in ``order``, (n, steps + 1).

    ``order`` (n, pixels) and ``fill`` (like x); all channels of a pixel are replaced together. The
    first score is the image's, the last that of ``fill`` (Petsiuk et al. 2018). A step replaces a
    steps-th of all pixels, the last step fewer if that is not whole.
    """
    return _curve(look, order, look.x, fill, steps)


def insertion(look: Look, order: Tensor, fill: Tensor, steps: int = STEPS) -> Tensor:
    """Return the score while pixels of the image replace those of ``fill`` in ``order``."""
    return _curve(look, order, fill, look.x, steps)


def _curve(look: Look, order: Tensor, begin: Tensor, end: Tensor, steps: int) -> Tensor:
    pixels = order.shape[1]
    rank = torch.empty_like(order).scatter_(
        1, order, torch.arange(pixels, device=order.device).expand_as(order)
    )
    counts = torch.linspace(0, pixels, min(steps, pixels) + 1, device=order.device).round()
    shape = as_images(look.x[:1]).shape[2:]

    def points(who: Tensor, which: Tensor) -> Tensor:
        gone = (rank[who] < counts[which][:, None]).view(-1, 1, *shape)
        x = begin[who]
        return torch.where(gone.expand_as(as_images(x)).reshape(x.shape), end[who], x)

    values = look.x.new_zeros(len(look.x), len(counts))
    for who, which, value in each_draw(look, points, len(counts), gradient=False):
        values[who, which] = value
    return values


def area(curve: Tensor) -> Tensor:
    """Return the mean height of curves (n, points), by the trapezoidal rule, (n,)."""
    return (curve[:, 1:] + curve[:, :-1]).mean(1) / 2


def random_orders(look: Look, count: int = ORDERS) -> Tensor:
    """Return random orders of pixels for every sample, (count, n, pixels), keyed by the sample."""
    pixels = as_images(look.x[:1])[0, 0].numel()
    drawn = [
        uniform(keys(look.seed, look.ids, look.x, "order", i), (pixels,)).argsort(1)
        for i in range(count)
    ]
    return torch.stack(drawn)


def blurred(x: Tensor) -> Tensor:
    """Return images blurred by an eighth of a side, which leaves coarse colours only."""
    images = as_images(x)
    return blur(images, max(images.shape[2:]) / 8).reshape(x.shape)


def pointing_game(
    saliency: NDArray[np.floating], truth: NDArray[np.bool_], tolerance: int = 15
) -> bool | None:
    """Return whether the maximum of a map lies on the object, or within ``tolerance`` pixels.

    None if ``truth`` (height, width) is empty (Zhang et al. 2018).
    """
    if not truth.any():
        return None
    y, x = np.unravel_index(int(np.argmax(saliency)), saliency.shape)
    down, across = np.nonzero(truth)
    return bool((np.hypot(down - y, across - x) <= tolerance).any())
