"""Steps in L1 by linear programs: to the nearest point of a value, or the highest in a ball."""

from torch import Tensor

from advkit.engine.batch_invariant import power
from advkit.engine.linear_programs import furthest_within, nearest_reaching

DEARER = 0.5  # initial power of the price
SMALL = 0.1  # change, relative to the largest, up to which a further change has its initial price


def least_move(
    x: Tensor, z: Tensor, slope: Tensor, gain: Tensor, trust: float, left: float
) -> Tensor:
    """Return approximately the point nearest to ``x`` with ``gain`` (n,) in value over ``z``.

    The value is linearised with ``slope``; no entry moves by more than ``trust``. While ``left`` (1
    in the first step, 0 in the last) is positive, entries cost more the further they have moved, so
    that many are tried before few remain; at 0 the result is exact.
    """
    image, here, price = _flat(x, z, left)
    return nearest_reaching(image, here, slope.flatten(1), gain, trust, price).view_as(x)


def highest_move(
    x: Tensor, z: Tensor, slope: Tensor, radius: Tensor, trust: float, left: float
) -> Tensor:
    """Return approximately the point of highest value in the L1 ball around ``x``.

    The ball has ``radius`` (n,). ``slope``, ``trust`` and ``left`` are as in `least_move`: at 0 the
    result is exact.
    """
    image, here, price = _flat(x, z, left)
    return furthest_within(image, here, slope.flatten(1), radius, trust, price).view_as(x)


def _flat(x: Tensor, z: Tensor, left: float) -> tuple[Tensor, Tensor, Tensor]:
    """Return image, iterate and prices, (n, d)."""
    image, here = x.flatten(1), z.flatten(1)
    away = (here - image).abs()
    away = away / away.amax(1, keepdim=True).clamp_min(1e-12)
    return image, here, power(1 + away / SMALL, DEARER * left)
