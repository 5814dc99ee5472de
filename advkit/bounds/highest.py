"""Max pooling: the highest of a window is at least the one that is surely high."""

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from advkit.bounds.affine import Shape


class Highest(NamedTuple):
    """Max pooling from maps of ``shape`` to maps of shape ``out``."""

    pool: nn.MaxPool2d
    shape: Shape
    out: Shape

    def apply(self, x: Tensor) -> Tensor:
        """Return the pooled map."""
        return self.pool(x)  # type: ignore[no-any-return]


class Peaks(NamedTuple):
    """Of every window: where its surest entry is, whether it is the highest, and the top.

    place: flat index into (height * width) of the entry with the highest lower bound. sure: no
    other entry can exceed it. top: the highest upper bound. All (n, *out).
    """

    place: Tensor
    sure: Tensor
    top: Tensor


def peaks(step: Highest, low: Tensor, high: Tensor) -> Peaks:
    """Return the lines of max pooling between the walls ``low`` and ``high`` (n, *shape)."""
    pool = step.pool
    floor, place = F.max_pool2d(
        low, pool.kernel_size, pool.stride, pool.padding, pool.dilation, pool.ceil_mode, True
    )
    # All others of the window at once: those that exceed the floor, each pooled as 0 or 1, would
    # need the floor of their window; so the second highest upper bound is found by removal.
    top = step.pool(high)
    others = _highest_but(step, high, place)
    return Peaks(place, others <= floor, top)


def _highest_but(step: Highest, high: Tensor, place: Tensor) -> Tensor:
    pool, (count, tall, wide) = step.pool, step.shape
    index = torch.arange(tall * wide, dtype=high.dtype, device=high.device)
    index = index.reshape(1, 1, tall, wide)
    columns = _columns(pool, high.reshape(-1, 1, tall, wide), -torch.inf)
    where = _columns(pool, index, -1.0)
    mine = where.long() == place.reshape(len(columns), 1, -1)
    rest = columns.masked_fill(mine, -torch.inf).amax(1)
    return rest.reshape(len(high), count, *step.out[1:])


def _columns(pool: nn.MaxPool2d, x: Tensor, fill: float) -> Tensor:
    """Return the entries of every window, (n, kernel, windows)."""
    kernel, stride, pad, gap = (
        size if isinstance(size, tuple) else (size, size)
        for size in (pool.kernel_size, pool.stride, pool.padding, pool.dilation)
    )
    padded = F.pad(x, (pad[1], pad[1], pad[0], pad[0]), value=fill)
    return F.unfold(padded, kernel, gap, 0, stride)


def back(
    step: Highest, found: Peaks, who: Tensor, a: Tensor
) -> tuple[Tensor, Tensor]:
    """Return the coefficients (m, *shape) for ``a`` (m, *out), and the constant (m,)."""
    place, sure, top = found.place[who], found.sure[who], found.top[who]
    rising = torch.where(sure, a, a.clamp_min(0))
    count, tall, wide = step.shape
    flat = torch.zeros(len(a), count, tall * wide, dtype=a.dtype, device=a.device)
    flat = flat.scatter_add(2, place.flatten(2), rising.flatten(2))
    constant = torch.where(sure, 0, a.clamp_max(0) * top).flatten(1).sum(1)
    return flat.reshape(len(a), *step.shape), constant
