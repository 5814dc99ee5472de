"""Bounds of max pooling: the maximum is at least the entry with the highest lower bound."""

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from advkit.bounds.affine import Shape
from advkit.bounds.patches import Rows, firm, fitted, seen, view, whole


class Highest(NamedTuple):
    """Max pooling from maps of ``shape`` to maps of shape ``out``."""

    pool: nn.MaxPool2d
    shape: Shape
    out: Shape

    def apply(self, x: Tensor) -> Tensor:
        """Return the pooled map."""
        return self.pool(x)  # type: ignore[no-any-return]


class Peaks(NamedTuple):
    """For every window its entry with the highest lower bound, and the maximum's upper bound.

    place: flat index into (height * width) of the entry with the highest lower bound. sure: no
    other entry can exceed it. top: the highest upper bound. All (n, *out).
    """

    place: Tensor
    sure: Tensor
    top: Tensor


def peaks(step: Highest, low: Tensor, high: Tensor) -> Peaks:
    """Return the lines of max pooling between the bounds ``low`` and ``high`` (n, *shape)."""
    pool = step.pool
    floor, place = F.max_pool2d(
        low, pool.kernel_size, pool.stride, pool.padding, pool.dilation, pool.ceil_mode, True
    )
    top = step.pool(high)
    others = _highest_but(step, high, place)
    return Peaks(place, others <= floor, top)


def _highest_but(step: Highest, high: Tensor, place: Tensor) -> Tensor:
    count, tall, wide = step.shape
    index = torch.arange(tall * wide, dtype=high.dtype, device=high.device)
    index = index.reshape(1, 1, tall, wide)
    columns = _columns(step, high.reshape(-1, 1, tall, wide), -torch.inf)
    where = _columns(step, index, -1.0)
    mine = where.long() == place.reshape(len(columns), 1, -1)
    rest = columns.masked_fill(mine, -torch.inf).amax(1)
    return rest.reshape(len(high), count, *step.out[1:])


def sizes_of(pool: nn.MaxPool2d) -> tuple[tuple[int, int], ...]:
    """Return kernel, stride, padding and dilation, each for height and width."""
    given = (pool.kernel_size, pool.stride, pool.padding, pool.dilation)
    return tuple(size if isinstance(size, tuple) else (size, size) for size in given)


def _columns(step: Highest, x: Tensor, fill: float) -> Tensor:
    """Return the entries of every window, (n, kernel, windows)."""
    kernel, stride, pad, gap = sizes_of(step.pool)
    # Windows of ceil_mode end beyond the padding.
    bottom, right = (
        (o - 1) * s + d * (k - 1) + 1 - n - p
        for n, o, k, s, p, d in zip(
            step.shape[1:], step.out[1:], kernel, stride, pad, gap, strict=True
        )
    )
    padded = F.pad(x, (pad[1], right, pad[0], bottom), value=fill)
    return F.unfold(padded, kernel, gap, 0, stride)


def back(step: Highest, found: Peaks, who: Tensor, rows: Rows) -> tuple[Rows, Tensor]:
    """Return the coefficients before the pooling, and the constant (m,)."""
    kernel, stride, pad, gap = sizes_of(step.pool)
    if max(gap) > 1:
        rows = Rows(whole(rows, step.out))
    rows, at = firm(rows, step.out), view(who, rows)
    place, sure, top = (seen(each, at) for each in found)
    rising = torch.where(sure, rows.a, rows.a.clamp_min(0))
    constant = torch.where(sure, 0, rows.a.clamp_max(0) * top).flatten(1).sum(1)
    count, tall, wide = step.shape
    if rows.corner is None:
        flat = rising.new_zeros(len(rising), count, tall * wide)
        flat = flat.scatter_add(2, place.flatten(2), rising.flatten(2))
        return Rows(flat.reshape(len(rising), *step.shape)), constant
    corner = rows.corner * torch.tensor(stride) - torch.tensor(pad)
    high, broad = (
        (size - 1) * s + k for size, s, k in zip(rising.shape[2:], stride, kernel, strict=True)
    )
    y = place // wide - corner[:, 0, None, None, None]
    x = place % wide - corner[:, 1, None, None, None]
    # Entries outside the map are zero, and may be added anywhere.
    spot = (y.clamp(0, high - 1) * broad + x.clamp(0, broad - 1)).flatten(2)
    flat = rising.new_zeros(len(rising), count, high * broad)
    flat = flat.scatter_add(2, spot, rising.flatten(2))
    return fitted(Rows(flat.reshape(len(rising), count, high, broad), corner), step.shape), constant
