"""Perturbation methods: the score when parts of the image are hidden, without gradients."""

import torch
from torch import Tensor
from torch.nn import functional as F

from advkit.engine.gradient import evaluate
from advkit.engine.seeding import keys, uniform
from advkit.engine.transforms import as_images
from advkit.errors import UsageError
from advkit.insight.method_input import Look, each_draw


def occlusion(look: Look, *, size: int = 0, stride: int = 0, fill: float = 0.0) -> Tensor:
    """Return by how much the score falls when a square hides a pixel, (n, height, width).

    The mean over all squares of ``size`` that cover the pixel, ``stride`` apart; by default an
    eighth of the shorter side, and half of that. Hidden pixels become ``fill`` (Zeiler and Fergus
    2014).
    """
    height, width = as_images(look.x[:1]).shape[2:]
    size = size or max(min(height, width) // 8, 1)
    stride = stride or max(size // 2, 1)
    if size > max(height, width) or stride > size:
        raise UsageError(
            f"occlusion:size={size},stride={stride} leaves pixels of {height} x {width} unseen",
            "give a size within the image and a stride that is not larger",
        )
    corners = [(i, j) for i in _starts(height, size, stride) for j in _starts(width, size, stride)]
    covers = torch.stack([_square(height, width, i, j, size) for i, j in corners]).to(look.x.device)

    def points(who: Tensor, which: Tensor) -> Tensor:
        x = look.x[who]
        return torch.where(_on(covers[which], x), fill, x)

    before = evaluate(look.objective, look.x, gradient=False).value
    fallen = look.x.new_zeros(len(look.x), height, width)
    for who, which, value in each_draw(look, points, len(corners), gradient=False):
        fallen.index_add_(0, who, covers[which] * (before[who] - value)[:, None, None])
    return fallen / covers.sum(0)


def _starts(length: int, size: int, stride: int) -> list[int]:
    last = max(length - size, 0)
    return sorted({*range(0, last, stride), last})


def _square(height: int, width: int, top: int, left: int, size: int) -> Tensor:
    cover = torch.zeros(height, width, dtype=torch.bool)
    cover[top : top + size, left : left + size] = True
    return cover


def _on(cover: Tensor, x: Tensor) -> Tensor:
    """Broadcast masks (k, height, width) over all channels of ``x``."""
    return cover[:, None].expand_as(as_images(x)).reshape(x.shape)


def rise(
    look: Look, *, masks: int = 1000, cells: int = 7, keep: float = 0.5, fill: float = 0.0
) -> Tensor:
    """Return the mean score when a pixel is kept, minus that over all masks, (n, height, width).

    ``masks`` random grids of ``cells`` by ``cells``, each cell kept with probability ``keep``,
    upsampled smoothly and shifted at random (Petsiuk et al. 2018, arXiv:1806.07421). All images use
    the same masks.
    """
    height, width = as_images(look.x[:1]).shape[2:]
    total = look.x.new_zeros(len(look.x), height, width)
    kept, score = torch.zeros_like(total), look.x.new_zeros(len(look.x))
    chance = uniform(keys(look.seed, ["masks"], look.x[:1], "rise"), (masks, cells + 1, cells + 1))
    shift = uniform(keys(look.seed, ["shifts"], look.x[:1], "rise"), (masks, 2))[0]
    grids = (chance[0] < keep).to(look.x)

    def made(which: Tensor) -> Tensor:
        return torch.stack([_mask(grids[k], shift[k], height, width) for k in which])

    def points(who: Tensor, which: Tensor) -> Tensor:
        x, mask = look.x[who], made(which)
        share = mask[:, None].expand_as(as_images(x)).reshape(x.shape)
        return x * share + fill * (1 - share)

    for who, which, value in each_draw(look, points, masks, gradient=False):
        mask = made(which)
        total.index_add_(0, who, mask * value[:, None, None])
        kept.index_add_(0, who, mask)
        score.index_add_(0, who, value / masks)
    return total / kept.clamp_min(1e-6) - score[:, None, None]


def _mask(grid: Tensor, shift: Tensor, height: int, width: int) -> Tensor:
    cells = len(grid) - 1
    down, across = -(-height // cells), -(-width // cells)
    size = ((cells + 1) * down, (cells + 1) * across)
    large = F.interpolate(grid[None, None], size, mode="bilinear", align_corners=False)[0, 0]
    top, left = int(shift[0] * down), int(shift[1] * across)
    return large[top : top + height, left : left + width]
