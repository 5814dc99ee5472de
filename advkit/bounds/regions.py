"""Input sets, and the minimum of a linear function over one."""

from typing import NamedTuple

import torch
from torch import Tensor

from advkit.engine.norms import walls
from advkit.engine.projections import furthest


class Region(NamedTuple):
    """A set per sample: the box from ``low`` to ``high``, both (n, ...), or a part of it.

    With a ``radius`` (n,) only the part within the ball of ``norm`` around ``centre``.
    """

    norm: str
    low: Tensor
    high: Tensor
    centre: Tensor
    radius: Tensor | None = None


def ball_and_box(x: Tensor, eps: Tensor, norm: str) -> Region:
    """Return the ball of ``norm`` and ``eps`` (n,) around ``x`` (n, ...) intersected with the box.

    For L0 it is the L1 ball, which contains it: no entry in [0, 1] moves by more than one.
    """
    norm = "L1" if norm == "L0" else norm
    low, high = walls(x, eps)
    low, high = torch.minimum(low, x), torch.maximum(high, x)
    return Region(norm, low, high, x, None if norm == "Linf" else eps)


def box_of(low: Tensor, high: Tensor) -> Region:
    """Return a box, which need not lie in [0, 1]."""
    return Region("Linf", low, high, (low + high) / 2)


def rows_of(region: Region, who: Tensor) -> Region:
    """Return the sets of the samples ``who``."""
    low, high = region.low.index_select(0, who), region.high.index_select(0, who)
    if region.radius is None:
        return Region(region.norm, low, high, low)
    return Region(region.norm, low, high, region.centre[who], region.radius[who])


def least(region: Region, a: Tensor) -> tuple[Tensor, Tensor]:
    """Return the minimum of sum(a * x), (m,), and the size of its terms; one set per row.

    Exact: at a corner of a box; by water-filling and by filling the steepest entries first for L2
    and L1 balls intersected with the box [0, 1] (`furthest`).
    """
    if region.radius is None:
        x = torch.where(a > 0, region.low, region.high)
    else:
        # The minimiser does not move to first order (Danskin): it is held fixed.
        x = furthest(region.norm, -a.detach(), region.centre, region.radius)
    terms = (a * x).flatten(1)
    return terms.sum(1), terms.abs().sum(1)
