"""BSR: momentum, through copies cut into blocks, shuffled and rotated."""

import math
from collections.abc import Sequence
from typing import Literal, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from advkit.attacks.transfer_walk import Draw, View, Way, travel
from advkit.engine.objectives import Model
from advkit.engine.seeding import uniform
from advkit.engine.transforms import as_images, sample_at


def bsr(
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
    copies: int = 20,
    blocks: int = 2,
    degrees: float = 24.0,
) -> Tensor:
    """Return the last iterate, with gradients of block-shuffled copies (Wang et al. 2024).

    Each of ``copies`` is cut at random places into ``blocks`` columns and each column into as many
    parts; columns and parts are shuffled, and each block is rotated by up to ``degrees``.

    Knows: gradients
    Cost: steps * copies + 2 forward, steps * copies backward
    Use: the strongest input transform on photographs: it breaks up the attention map.
    Fails: on small drawings, which a shuffle makes unrecognisable to any net.
    Paper: Wang et al. 2024, arXiv:2308.10299
    """
    way = shuffled(Way(decay=decay), copies=copies, blocks=blocks, degrees=degrees)
    return travel(way, model, x, y, eps=eps, norm=norm, targets=targets, seed=seed, ids=ids,
                  steps=steps, step=step, loss=loss)  # fmt: skip


def shuffled(way: Way, *, copies: int = 20, blocks: int = 2, degrees: float = 24.0) -> Way:
    """Return ``way`` through ``copies`` of the image, cut into blocks that are shuffled."""

    def change(x: Tensor, draw: Draw) -> Tensor:
        images = as_images(x)
        return _blocks(images, draw.keys, draw.stream, blocks, degrees).reshape(x.shape)

    return way._replace(views=(*way.views, View(change, copies)))


def _blocks(x: Tensor, keys: Tensor, stream: int, blocks: int, degrees: float) -> Tensor:
    """Return images (n, c, h, w) of shuffled and rotated blocks, black where gaps remain."""
    n, (height, width) = len(x), x.shape[2:]
    k = blocks
    u = uniform(keys, (2 * k + 3 * k * k,), stream).to(x.dtype)
    column = _places(width, u[:, :k], u[:, k : 2 * k])
    rest = u[:, 2 * k :].view(n, 3, k, k)
    across = column.old[:, None, :].expand(n, height, width)
    rows = [_places(height, rest[:, 0, i], rest[:, 1, i]) for i in range(k)]
    which = column.block[:, None, :].expand(n, height, width)
    down, row, start, end = (
        torch.stack([getattr(one, name) for one in rows], 2).gather(2, which)
        for name in ("old", "block", "first", "last")
    )  # fmt: skip
    turn = (2 * rest[:, 2] - 1) * degrees * (math.pi / 180)
    angle = turn.flatten(1).gather(1, (which * k + row).flatten(1)).view(n, height, width)
    left, right = (getattr(column, name)[:, None, :] for name in ("first", "last"))
    y, z = down - (start + end) / 2, across - (left + right) / 2
    cos, sin = angle.cos(), angle.sin()
    old_y, old_x = cos * y + sin * z + (start + end) / 2, cos * z - sin * y + (left + right) / 2
    inside = (old_y > start - 0.5) & (old_y < end + 0.5)
    inside &= (old_x > left - 0.5) & (old_x < right + 0.5)
    found = sample_at(x, old_y - (height - 1) / 2, old_x - (width - 1) / 2)
    return torch.where(inside[:, None], found, 0.0)


class _Line(NamedTuple):
    """For every position of a line: its block, its old position, the old ends of its block."""

    block: Tensor
    old: Tensor
    first: Tensor
    last: Tensor


def _places(length: int, lengths: Tensor, order: Tensor) -> _Line:
    """Cut ``length`` positions by shares ``lengths`` (n, k) in [0, 1); sort blocks by ``order``."""
    share = (0.5 + lengths) / (0.5 + lengths).sum(1, keepdim=True)
    ends = (share.cumsum(1) * length).round().clamp(max=length)
    ends[:, -1] = length
    starts = F.pad(ends[:, :-1], [1, 0])
    sizes, rank = ends - starts, order.argsort(1)
    stops = sizes.gather(1, rank).cumsum(1)
    at = torch.arange(length, device=lengths.device, dtype=lengths.dtype)
    slot = (at[None, :, None] >= stops[:, None, :]).sum(2).clamp(max=lengths.shape[1] - 1)
    block = rank.gather(1, slot)
    begin = stops.gather(1, slot) - sizes.gather(1, block)
    first = starts.gather(1, block)
    old = first + at - begin
    return _Line(block, old, first, ends.gather(1, block) - 1)
