"""Coefficients of single neurons: over the whole map, or over the receptive field."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from advkit.bounds.affine import Shape, Window


class Rows(NamedTuple):
    """Coefficients ``a`` (m, *shape), or (m, channels, h, w) of windows that begin at ``corner``.

    ``corner`` (m, 2) is the position of each window's first entry, None for whole maps. Entries of
    a window outside the map are zero, unless ``loose``.
    """

    a: Tensor
    corner: Tensor | None = None
    loose: bool = False


class View(NamedTuple):
    """The parts of maps that rows refer to: windows of ``size`` at ``y``, ``x`` of maps ``who``.

    Each window occurs once, (u,), as neurons of many channels share it; ``which`` (m,) is the
    window of each row. For whole maps ``size`` is None and ``which`` is the map.
    """

    which: Tensor
    size: tuple[int, int] | None = None
    who: Tensor | None = None
    y: Tensor | None = None
    x: Tensor | None = None


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
    """Return the rows before an operator; ``shape`` is that of its input."""
    assert rows.corner is not None  # noqa: S101
    a = by.back(rows.a)
    scale, pad = torch.tensor(by.stride), torch.tensor(by.pad)
    corner = rows.corner * scale.to(rows.corner) - pad.to(rows.corner)
    grew = a.shape[-2:] != rows.a.shape[-2:]
    return fitted(Rows(a, corner, rows.loose or grew), shape)


def fitted(rows: Rows, shape: Shape) -> Rows:
    """Return ``rows`` over the whole map if the windows are as large.

    Such a window costs more: more entries, and a separate piece of the map for every row.
    """
    assert rows.corner is not None  # noqa: S101
    return Rows(whole(rows, shape)) if covers(rows.a.shape[2:], shape) else rows


def covers(window: Sequence[int], shape: Shape) -> bool:
    """Return whether a window of this size has as many positions as a map of ``shape``."""
    return window[0] * window[1] >= shape[1] * shape[2]


def firm(rows: Rows, shape: Shape) -> Rows:
    """Return ``rows`` with the entries outside the map set to zero."""
    if not rows.loose or rows.corner is None:
        return rows
    return Rows(_inside(rows.a, rows.corner, shape), rows.corner)


def _inside(a: Tensor, corner: Tensor, shape: Shape) -> Tensor:
    """Return ``a`` with the entries outside the map set to zero."""
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


def view(who: Tensor, rows: Rows) -> View:
    """Return the windows that the rows cover in the maps of their samples ``who`` (m,)."""
    if rows.corner is None:
        return View(who)
    h, w = rows.a.shape[-2:]
    # Windows begin less than their size outside the map: all numbers are above 0.
    key = ((who << 20) + rows.corner[:, 0] + h << 20) + rows.corner[:, 1] + w
    key, which = key.unique(return_inverse=True)  # type: ignore[no-untyped-call]
    return View(which, (h, w), key >> 40, (key >> 20) % (1 << 20), key % (1 << 20))


def seen(values: Tensor, at: View) -> Tensor:
    """Return the parts of the maps ``values`` (n, *shape) in each window; 0 outside."""
    if at.size is None or at.who is None:
        return values.index_select(0, at.which)
    h, w = at.size
    first, last = at.who[0], at.who[-1]  # sorted, as `unique` returns them
    windows = F.pad(values[first : last + 1], (w, w, h, h)).unfold(2, h, 1).unfold(3, w, 1)
    return windows[at.who - first, :, at.y, at.x].index_select(0, at.which)


def added(one: Rows, other: Rows, shape: Shape) -> Rows:
    """Return the sum of two sets of coefficients of the same neurons; ``shape`` is their map's."""
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
    loose = one.loose or other.loose
    return Rows(mine + placed(other.a, max(top, 0), max(left, 0)), corner, loose)
