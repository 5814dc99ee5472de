"""The move of a race in L1: to where the linearised value reaches its goal nearest to the image."""

from torch import Tensor

from advkit.engine.linear_programs import nearest_reaching

DEARER = 0.5  # power of the price, at first
SMALL = 0.1  # share of the entry moved most, up to which moving one on costs as much as at first


def least_move(
    x: Tensor, z: Tensor, slope: Tensor, gain: Tensor, trust: float, left: float
) -> Tensor:
    """Return the point nearest to ``x`` at which the value gains ``gain`` (n,) over that at ``z``.

    The value is taken for linear with ``slope``, where no entry moves by more than ``trust``. While
    ``left`` (1 at first, 0 at last) of the round is to come, entries are dearer the further they
    have been moved, so that many are tried before few are left.
    """
    image, here = x.flatten(1), z.flatten(1)
    away = (here - image).abs()
    away = away / away.amax(1, keepdim=True).clamp_min(1e-12)
    price = (1 + away / SMALL) ** (DEARER * left)
    reach = gain.new_full(gain.shape, trust)
    return nearest_reaching(image, here, slope.flatten(1), gain, reach, price).view_as(x)
