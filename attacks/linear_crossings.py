"""The nearest point at which a linear function has a given gain, in every norm and box."""

import torch
from torch import Tensor

from advkit.attacks.hyperplane import cross
from advkit.attacks.minimum import Nearest
from advkit.engine import NORMS, rows


def crossing(norm: str, x: Tensor, slope: Tensor, gain: Tensor, *, box: bool = True) -> Nearest:
    """Return the u nearest to ``x`` (n, d) with slope . (u - x) >= ``gain`` (n,), and the distance.

    Exact: within the box [0, 1] by water-filling (`cross`; L0 by the entries that gain most),
    without it along the direction of the dual norm. If there is no such point the distance is
    infinity; if the gain is not positive it is 0 and u is x.
    """
    gain = gain.clamp_min(0)
    if not box:
        return _free(norm, x, slope, gain)
    most = torch.where(slope > 0, slope * (1 - x), -slope * x).sum(1)
    u = _fewest(x, slope, gain) if norm == "L0" else cross(norm, x, slope, gain)
    # A gain of all that the box holds counts as reached, whatever the rounding of the sums.
    reached = gain <= most * (1 + 1e-12)
    return Nearest(u, torch.where(reached, NORMS[norm].size(u - x), torch.inf))


def _free(norm: str, x: Tensor, slope: Tensor, gain: Tensor) -> Nearest:
    steepness = NORMS[norm].dual(slope)
    far = torch.where(gain > 0, gain / steepness, 0.0)
    reached = far.isfinite()
    move = rows(far.where(reached, 0.0), x) * NORMS[norm].steepest(slope)
    return Nearest(x + move, torch.where(reached, NORMS[norm].size(move), torch.inf))


def _fewest(x: Tensor, slope: Tensor, gain: Tensor) -> Tensor:
    """Move the entries that gain most to their bounds, until the gain is reached."""
    wall = torch.where(slope > 0, 1.0, 0.0).to(x.dtype)
    gained, order = (slope * (wall - x)).sort(dim=1, descending=True, stable=True)
    before = gained.cumsum(1) - gained
    moves = (before < gain[:, None]) & (gained > 0)
    return torch.where(torch.zeros_like(moves).scatter(1, order, moves), wall, x)


def nearest_crossing(
    norm: str, x: Tensor, slopes: Tensor, gains: Tensor, *, box: bool = True
) -> Nearest:
    """Return the nearest of k crossings, the first if several are equally near.

    ``slopes`` are (n, k, d), ``gains`` (n, k).
    """
    best = crossing(norm, x, slopes[:, 0], gains[:, 0], box=box)
    for k in range(1, gains.shape[1]):
        other = crossing(norm, x, slopes[:, k], gains[:, k], box=box)
        nearer = other.distance < best.distance
        best = Nearest(
            torch.where(rows(nearer, x), other.x, best.x),
            torch.where(nearer, other.distance, best.distance),
        )
    return best
