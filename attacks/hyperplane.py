"""The nearest point of the box [0, 1] at which a linear function has a given gain.

With w the slope and a point z in the box, every entry can move in the direction where w rises by
its ``room``; the solution moves entry i by min(t * rate_i, room_i), with rate |w_i| for L2 and 1
for Linf and the one t with the required gain. L1 fills the entries of steepest slope first.
"""

import torch
from torch import Tensor

from advkit.engine.linear_programs import filled


def cross(norm: str, x: Tensor, slope: Tensor, gain: Tensor) -> Tensor:
    """Return the u in the box nearest to ``x`` (n, ...) with slope . (u - x) = ``gain`` (n,).

    The projection onto a hyperplane intersected with the box. A gain may be negative. If the box
    holds no such point, the one that comes nearest to the gain; entries with zero slope are
    unchanged.
    """
    z, w = x.flatten(1), slope.flatten(1)
    peak = w.abs().amax(1, keepdim=True)
    scale = torch.where(peak > 0, peak, 1)
    wanted = gain.nan_to_num(0.0)[:, None] / scale
    w = w * wanted.sign() / scale
    room = torch.where(w > 0, 1 - z, z).masked_fill(w == 0, 0)
    fill = _steepest_first if norm == "L1" else _together
    rate = w.abs() if norm == "L2" else torch.ones_like(w)
    return (z + w.sign() * fill(w.abs(), rate, room, wanted.abs())).clamp(0, 1).reshape(x.shape)


def _together(w: Tensor, rate: Tensor, room: Tensor, wanted: Tensor) -> Tensor:
    """Return min(t * rate, room) with the t that gains ``wanted``.

    Entries that reach their bound are removed from the equation; t and the set of bounds only grow,
    so this ends at the exact t.
    """
    at_wall, hit = room <= 0, -1
    speed, most = w * rate, w * room
    while True:
        left = (wanted - torch.where(at_wall, most, 0).sum(1, keepdim=True)).clamp_min(0)
        free = torch.where(at_wall, 0, speed).sum(1, keepdim=True)
        t = left / free.clamp_min(torch.finfo(w.dtype).tiny)
        at_wall = at_wall | (t * rate >= room)
        if (now := int(at_wall.count_nonzero())) == hit:
            return torch.where(at_wall, room, t * rate)
        hit = now


def _steepest_first(w: Tensor, _rate: Tensor, room: Tensor, wanted: Tensor) -> Tensor:
    most = w * room
    return torch.where(most > 0, filled(w, most, wanted.squeeze(1)) / w, 0)
