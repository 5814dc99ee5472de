"""Linear programs of one row, solved exactly on flat batches (n, d)."""

import torch
from torch import Tensor


def nearest_reaching(
    centre: Tensor, start: Tensor, slope: Tensor, gain: Tensor, trust: Tensor, price: Tensor
) -> Tensor:
    """Return the z nearest to ``centre`` at which a linear function gains ``gain`` (n,), (n, d).

    It has ``slope`` and is 0 at ``start``. Near is where the sum of ``price`` |z - centre| is
    least. No entry of z is further than ``trust`` (n,) from that of ``start``, nor outside [0, 1].
    Where nothing gains as much, z gains the most. As in a fractional knapsack (Dantzig 1957)
    entries leave for their far end in the order of what they gain for their price.
    """
    low, high = (start - trust[:, None]).clamp_min(0), (start + trust[:, None]).clamp_max(1)
    home = torch.minimum(torch.maximum(centre, low), high)
    way = torch.where(slope > 0, high, torch.where(slope < 0, low, home)) - home
    gains = slope * way
    needed = gain - (slope * (home - start)).sum(1)
    order = (slope.abs() / price).argsort(dim=1, descending=True, stable=True)
    ordered = gains.gather(1, order)
    before = ordered.cumsum(1) - ordered
    share = ((needed[:, None] - before) / ordered.clamp_min(1e-30)).clamp(0, 1)
    return home + way * torch.zeros_like(share).scatter(1, order, share)
