"""Linear programs with one constraint, solved exactly on flat batches (n, d)."""

import torch
from torch import Tensor


def nearest_reaching(
    centre: Tensor, start: Tensor, slope: Tensor, gain: Tensor, trust: float, price: Tensor
) -> Tensor:
    """Return the z nearest to ``centre`` at which a linear function gains ``gain`` (n,), (n, d).

    The function has gradient ``slope`` and is 0 at ``start``. The distance is the sum of ``price``
    |z - centre|. No entry of z is further than ``trust`` from that of ``start``, nor outside [0,
    1]. If the gain cannot be reached, z has the largest one. Entries move to their bound in the
    order of gain per price.
    """
    home, way = _ways(centre, start, slope, trust)
    gains = slope * way
    needed = gain - (slope * (home - start)).sum(1)
    return home + way * _share(slope.abs() / price, gains, needed)


def furthest_within(
    centre: Tensor, start: Tensor, slope: Tensor, radius: Tensor, trust: float, price: Tensor
) -> Tensor:
    """Return the z at which a linear function is largest within an L1 ball, (n, d).

    The function has gradient ``slope``; the ball has ``radius`` (n,) around ``centre``. No entry of
    z is further than ``trust`` from that of ``start``, nor outside [0, 1]; if no such point lies in
    the ball, z is the one nearest to ``centre``. Entries move to their bound in the order of gain
    per ``price``: optimal if all prices are equal.
    """
    home, way = _ways(centre, start, slope, trust)
    left = radius - (home - centre).abs().sum(1)
    return home + way * _share(slope.abs() / price, way.abs(), left)


def _ways(centre: Tensor, start: Tensor, slope: Tensor, trust: float) -> tuple[Tensor, Tensor]:
    """Return the feasible point nearest to ``centre``, and from it the way to the far bound."""
    low, high = (start - trust).clamp_min(0), (start + trust).clamp_max(1)
    home = torch.minimum(torch.maximum(centre, low), high)
    return home, torch.where(slope > 0, high, torch.where(slope < 0, low, home)) - home


def filled(worth: Tensor, amount: Tensor, total: Tensor) -> Tensor:
    """Return the part of each ``amount`` (n, d) taken, by descending ``worth``, up to ``total``.

    The fractional knapsack (Dantzig 1957); ``total`` is (n,).
    """
    order = worth.argsort(dim=1, descending=True, stable=True)
    ordered = amount.gather(1, order)
    before = ordered.cumsum(1) - ordered
    taken = torch.minimum((total[:, None] - before).clamp_min(0), ordered)
    return torch.zeros_like(amount).scatter(1, order, taken)


def _share(worth: Tensor, amount: Tensor, total: Tensor) -> Tensor:
    return filled(worth, amount, total) / amount.clamp_min(1e-30)
