"""Moves in L1 by linear programs: to the nearest point of a value, or the highest in a ball."""

from torch import Tensor

from advkit.engine.batch_invariant import power
from advkit.engine.linear_programs import furthest_within, nearest_reaching

DEARER = 0.5  # power of the price, at first
SMALL = 0.1  # share of the entry moved most, up to which moving one on costs as much as at first


def least_move(
    x: Tensor, z: Tensor, slope: Tensor, gain: Tensor, trust: float, left: float
) -> Tensor:
    """Return about the point nearest to ``x`` at which the value gains ``gain`` (n,) over ``z``.

    The value is taken for linear with ``slope``, where no entry moves by more than ``trust``. While
    ``left`` (1 at first, 0 at last) of the way is to come, entries are dearer the further they have
    been moved, so that many are tried before few are left; at last it is that point exactly.
    """
    image, here, price = _flat(x, z, left)
    return nearest_reaching(image, here, slope.flatten(1), gain, trust, price).view_as(x)


def highest_move(
    x: Tensor, z: Tensor, slope: Tensor, radius: Tensor, trust: float, left: float
) -> Tensor:
    """Return about the point of highest value in the L1 ball of ``radius`` (n,) around ``x``.

    ``slope``, ``trust`` and ``left`` are as in `least_move`: at last it is that point exactly.
    """
    image, here, price = _flat(x, z, left)
    return furthest_within(image, here, slope.flatten(1), radius, trust, price).view_as(x)


def _flat(x: Tensor, z: Tensor, left: float) -> tuple[Tensor, Tensor, Tensor]:
    """Return image, place and prices, (n, d)."""
    image, here = x.flatten(1), z.flatten(1)
    away = (here - image).abs()
    away = away / away.amax(1, keepdim=True).clamp_min(1e-12)
    return image, here, power(1 + away / SMALL, DEARER * left)
