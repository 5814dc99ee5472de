"""Coefficients of one neuron each: over the whole map, or over the window that the neuron sees."""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from advkit.bounds.affine import Shape, Window


class Rows(NamedTuple):
    """Coefficients ``a`` (m, *shape), or (m, channels, h, w) of windows that begin at ``corner``.

    ``corner`` (m, 2) is the place of each window's first entry, None where the map is whole.
    Entries of a window that lie outside the map are zero.
    """

    a: Tensor
    corner: Tensor | None = None


def neurons(places: Tensor, sign: Tensor, shape: Shape) -> Rows:
    """Return ``sign`` (m,) times one neuron per row, given by flat ``places`` (m,) in ``shape``."""
    m = len(places)
    if len(shape) != 3:
        a = sign.new_zeros(m, torch.Size(shape).numel())
        a[torch.arange(m), places] = sign
        return Rows(a.reshape(m, *shape))
    tall, wide = shape[1:]
    channel, spot = places // (tall * wide), places % (tall * wide)
    a = sign.new_zeros(m, shape[0], 1, 1)
    a[torch.arange(m), channel, 0, 0] = sign
    return Rows(a, torch.stack([spot // wide, spot % wide], 1))


def moved(rows: Rows, by: Window, shape: Shape) -> Rows:
    """Return the rows in front of an operator; ``shape`` is that of its input."""
    assert rows.corner is not None  # noqa: S101
    a = by.back(rows.a)
    scale, pad = torch.tensor(by.stride), torch.tensor(by.pad)
    corner = rows.corner * scale.to(rows.corner) - pad.to(rows.corner)
    if a.shape[-2:] == rows.a.shape[-2:]:
        return Rows(a, corner)
    return fitted(Rows(a, corner), shape)


def fitted(rows: Rows, shape: Shape) -> Rows:
    """Return ``rows`` with the entries outside the map zero; whole if the windows are as large.

    Such a window only costs: more entries, and a piece of the map of its own for every row.
    """
    assert rows.corner is not None  # noqa: S101
    inside = Rows(_inside(rows.a, rows.corner, shape), rows.corner)
    large = rows.a[0, 0].numel() >= shape[1] * shape[2]
    return Rows(whole(inside, shape)) if large else inside


def _inside(a: Tensor, corner: Tensor, shape: Shape) -> Tensor:
    """Return ``a`` with the entries outside the map zero."""
    for axis, size in ((0, shape[1]), (1, shape[2])):
        at = corner[:, axis, None] + torch.arange(a.shape[2 + axis], device=a.device)
        there = ((at >= 0) & (at < size)).to(a.dtype)
        a = a * (there[:, None, :, None] if axis == 0 else there[:, None, None, :])
    return a


def whole(rows: Rows, shape: Shape) -> Tensor:
    """Return the coefficients over the whole map (m, *shape)."""
    if rows.corner is None:
        return rows.a
    m, count, h, w = rows.a.shape
    full = torch.zeros(m, count, shape[1] + 2 * h, shape[2] + 2 * w,
                       dtype=rows.a.dtype, device=rows.a.device)  # fmt: skip
    each = torch.arange(m, device=rows.a.device)[:, None, None]
    y = rows.corner[:, 0, None, None] + h + torch.arange(h, device=rows.a.device)[:, None]
    x = rows.corner[:, 1, None, None] + w + torch.arange(w, device=rows.a.device)
    full.permute(0, 2, 3, 1)[each, y, x] = rows.a.permute(0, 2, 3, 1)
    return full[:, :, h : h + shape[1], w : w + shape[2]]


def seen(values: Tensor, who: Tensor, rows: Rows) -> Tensor:
    """Return what each row sees of the maps ``values`` (n, *shape) of its sample; 0 outside."""
    if rows.corner is None:
        return values.index_select(0, who)
    h, w = rows.a.shape[-2:]
    padded = F.pad(values, (w, w, h, h))
    windows = padded.unfold(2, h, 1).unfold(3, w, 1)
    return windows[who, :, rows.corner[:, 0] + h, rows.corner[:, 1] + w]


def added(one: Rows, other: Rows, shape: Shape) -> Rows:
    """Return the sum of two sets of coefficients of the same neurons."""
    if one.corner is None or other.corner is None:
        return Rows(whole(one, shape) + whole(other, shape))
    gap = other.corner - one.corner
    if bool((gap != gap[0]).any()):
        return Rows(whole(one, shape) + whole(other, shape))
    (top, left), corner = gap[0].tolist(), torch.minimum(one.corner, other.corner)
    tall = max(one.a.shape[2], other.a.shape[2] + top) - min(top, 0)
    wide = max(one.a.shape[3], other.a.shape[3] + left) - min(left, 0)

    def placed(a: Tensor, y: int, x: int) -> Tensor:
        return F.pad(a, (x, wide - x - a.shape[3], y, tall - y - a.shape[2]))

    mine = placed(one.a, max(-top, 0), max(-left, 0))
    return Rows(mine + placed(other.a, max(top, 0), max(left, 0)), corner)
