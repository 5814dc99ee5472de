"""Exact projections onto norm balls, alone and intersected with the box [0, 1], on (n, d).

Each minimises |u - z|_2 over the set. With delta = z - centre and ``room`` the distance from the
centre to the bound in the direction of delta, the optimality conditions leave one unknown per
sample, found exactly: L1 by sorting the breakpoints of a piecewise linear function (Duchi et al.
2008; with the box Croce and Hein 2021), L2 by growing the set of coordinates at a bound. `furthest`
maximises a linear function in the same way.
"""

import torch
from torch import Tensor

from advkit.engine.linear_programs import filled


def _room(delta: Tensor, centre: Tensor) -> Tensor:
    return torch.where(delta > 0, 1 - centre, centre)


def l1_ball(d: Tensor, radius: Tensor) -> Tensor:
    """Project onto the L1 ball: soft-threshold by the cut that leaves ``radius`` (n,)."""
    return _soften(d, torch.full_like(d, torch.inf), radius)


def l1_box(x: Tensor, centre: Tensor, radius: Tensor) -> Tensor:
    """Project onto the L1 ball around ``centre`` intersected with the box."""
    delta = x - centre
    return (centre + _soften(delta, _room(delta, centre), radius)).clamp(0, 1)


def _soften(delta: Tensor, room: Tensor, radius: Tensor) -> Tensor:
    """Return sign(delta) * min((|delta| - cut)+, room) with the least cut of size <= radius.

    As the cut decreases, a coordinate starts to grow at |delta| and stops at its room: the size is
    piecewise linear between these 2 d breakpoints.
    """
    size = delta.abs()
    inside = torch.minimum(size, room).sum(1) <= radius
    if bool(inside.all()):
        return delta.sign() * torch.minimum(size, room)
    knots = torch.cat([size, (size - room).clamp_min(0)], 1)
    knots, order = knots.sort(dim=1, descending=True, stable=True)
    growth = torch.where(order < size.shape[1], 1.0, -1.0).to(size.dtype).cumsum(1)
    gained = torch.zeros_like(knots)
    gained[:, 1:] = (growth[:, :-1] * (knots[:, :-1] - knots[:, 1:])).cumsum(1)
    # The last breakpoint whose size is still within the radius; from there the size is linear.
    at = ((gained <= radius[:, None]).sum(1, keepdim=True) - 1).clamp_min(0)
    slope = growth.gather(1, at).clamp_min(1)
    cut = knots.gather(1, at) - (radius[:, None] - gained.gather(1, at)) / slope
    cut = torch.where(inside[:, None], torch.zeros_like(cut), cut.clamp_min(0))
    return delta.sign() * torch.minimum((size - cut).clamp_min(0), room)


def l2_box(x: Tensor, centre: Tensor, radius: Tensor) -> Tensor:
    """Project onto the L2 ball around ``centre`` intersected with the box.

    The solution is clip(centre + t * delta) with the t in (0, 1] at which it has size ``radius``.
    """
    return _stretch(x - centre, centre, radius, most=1.0)


def _stretch(delta: Tensor, centre: Tensor, radius: Tensor, most: float) -> Tensor:
    """Return clip(centre + t * delta) with the t, at most ``most``, that gives size ``radius``.

    From t = radius / |delta| upwards, coordinates at a bound are removed from the equation; both t
    and the set of bounds only grow, so this ends at the exact t.
    """
    room, reach = _room(delta, centre), delta.abs()
    square, total = delta.square(), radius.square()[:, None]
    t = (total / square.sum(1, keepdim=True).clamp_min(1e-38)).sqrt().clamp_max(most)
    at_wall = t * reach >= room
    if not bool(at_wall.any()):
        return (centre + t * delta).clamp(0, 1)
    wall, hit = room.square(), -1
    while (now := int(at_wall.count_nonzero())) > hit:
        hit = now
        left = total - torch.where(at_wall, wall, 0).sum(1, keepdim=True)
        free = torch.where(at_wall, 0, square).sum(1, keepdim=True)
        t = (left.clamp_min(0) / free.clamp_min(1e-38)).sqrt().clamp_max(most)
        at_wall |= t * reach >= room
    return torch.where(at_wall, centre + delta.sign() * room, centre + t * delta).clamp(0, 1)


def furthest(norm: str, gradient: Tensor, centre: Tensor, radius: Tensor) -> Tensor:
    """Return the point of ball and box at which a linear function is largest, (n, ...).

    Linf by signs; L2 by water-filling; L1 by filling the coordinates of steepest slope first.
    Raises KeyError for another norm.
    """
    if norm not in ("Linf", "L2", "L1"):
        raise KeyError(norm)
    slope, middle = gradient.flatten(1), centre.flatten(1)
    if norm == "Linf":
        return (centre + radius.reshape(-1, *[1] * (centre.ndim - 1)) * gradient.sign()).clamp(0, 1)
    peak = slope.abs().amax(1, keepdim=True)
    slope = slope / peak.where(peak > 0, 1)
    if norm == "L2":
        return _stretch(slope, middle, radius, most=1e15).reshape(centre.shape)
    room = torch.where(slope == 0, 0, _room(slope, middle))
    moved = filled(slope.abs(), room, radius)
    return (middle + slope.sign() * moved).clamp(0, 1).reshape(centre.shape)


def keep_largest(d: Tensor, count: Tensor) -> Tensor:
    """Project onto the L0 ball: keep the ``count`` (n,) entries of largest magnitude."""
    return torch.where(_rank(d.abs()) < count[:, None], d, torch.zeros_like(d))


def l0_box(x: Tensor, centre: Tensor, count: Tensor) -> Tensor:
    """Project onto the L0 ball around ``centre`` intersected with the box.

    A kept entry moves to its clipped value; those are kept whose change saves the most.
    """
    clipped = x.clamp(0, 1)
    saved = (x - centre).square() - (x - clipped).square()
    return torch.where(_rank(saved) < count[:, None], clipped, centre)


def _rank(score: Tensor) -> Tensor:
    """Return the rank of each entry from the largest, ties by position."""
    order = score.argsort(dim=1, descending=True, stable=True)
    places = torch.arange(score.shape[1], device=score.device).expand_as(order)
    return torch.empty_like(order).scatter(1, order, places)
