"""The update rule of a race: leap away, then return to the image as near as the value allows."""

from typing import NamedTuple

import torch
from torch import Tensor

from advkit.attacks.minimum import linear_reach
from advkit.attacks.moves_in_l1 import least_move
from advkit.attacks.race_schedule import Move, Pace
from advkit.engine import NORMS, Point, Rule, rows
from advkit.engine.rules import cosine, gathered
from advkit.engine.seeding import uniform

LEAP = 0.12  # of an entry, in one step of a leap
LAST = 0.001  # relative change of the radius in the last step
FURTHEST = 1e15  # radius where a slope is almost zero
HAIR = 1e-5  # by which an image on a boundary counts as below it


class _State(NamedTuple):
    moves: int
    x: Tensor
    below: Tensor  # how far the image is below the boundary
    stream: Tensor
    slope: Tensor  # running sum of gradients, normalised except in L1
    radius: Tensor
    nearest: Tensor  # distance of the nearest point since the leap with a value above zero


def race_rule(
    norm: str,
    x: Tensor,
    below: Tensor,
    stream: Tensor,
    pace: Pace,
    moves: list[Move],
    number: int,
) -> Rule:
    """Return the rule that raises a value above zero, as near to ``x`` as possible.

    In Linf and L2 it steps in a ball, whose radius is the distance at which the linearised value is
    zero, changed only by a share at a time. In L1 it solves linear programs (`least_move`), which
    at first aim beyond the boundary by a share of how far ``below`` (n,) it the images are. A leap
    moves entries along the signs of the gradient: all, or a random selection that ``stream`` (n,)
    keys for the round ``number``.
    """

    def init(start: Tensor) -> _State:
        none = torch.full((len(start),), torch.inf, dtype=x.dtype, device=x.device)
        return _State(0, x, below.clamp_min(HAIR), stream, torch.zeros_like(x), none, none)

    def update(point: Point, s: _State) -> tuple[Tensor, _State]:
        move, slope = moves[s.moves], _climbing(norm, s.slope, point.gradient, pace.decay)
        s = s._replace(moves=s.moves + 1, slope=slope)
        if move.leap:
            return _leapt(point, s, number, pace.kept), s
        left = cosine(move.gone, 1)
        stride = pace.stride * (pace.least + (1 - pace.least) * left)
        if norm == "L1":
            goal = pace.beyond[min(number, 1)] * left * s.below
            mean = slope / ((1 - pace.decay**s.moves) / (1 - pace.decay))
            return least_move(s.x, point.x, mean, goal - point.value, stride, left), s
        size = NORMS[norm].size(point.x - s.x)
        over = torch.where(point.value > 0, size, torch.inf)
        s = s._replace(nearest=torch.minimum(over, s.nearest))
        s = s._replace(radius=_radius(norm, point, s, size, pace.gamma, left))
        return _back(norm, point, s, stride), s

    return Rule(init, update)


def _climbing(norm: str, slope: Tensor, gradient: Tensor, decay: float) -> Tensor:
    """Add to the sum: near the boundary of a piecewise linear net gradients alternate."""
    if norm == "L1":
        return decay * slope + gradient
    return gathered(slope, gradient, decay, NORMS["L1"].size)


def _leapt(point: Point, s: _State, number: int, kept: tuple[float, float]) -> Tensor:
    away = NORMS["Linf"].steepest(point.gradient)
    if (share := kept[min(number, 1)]) < 1:
        away = away * (uniform(s.stream, s.x.shape[1:], number) < share)
    return (point.x + LEAP * away).clamp(0, 1)


def _radius(norm: str, point: Point, s: _State, size: Tensor, gamma: float, left: float) -> Tensor:
    """Return Newton's radius, limited to a relative change between two bounds."""
    least = torch.finfo(size.dtype).eps  # smaller changes move no entry
    newton = (size + linear_reach(point, NORMS[norm])).clamp(least, FURTHEST)
    now = LAST + (gamma - LAST) * left
    held = torch.minimum(s.radius, s.nearest)
    down = newton.clamp(held * (1 - 2 * gamma), s.nearest * (1 - 0.2 * now - 1e-4))
    up = newton.clamp(s.radius * (1 + 0.1 * now), s.radius * (1 + 2 * gamma))
    missed = torch.where(
        s.nearest.isfinite(), torch.minimum(up, s.nearest * (1 - 1e-3)), newton * (1 + now)
    )
    return torch.where(point.value > 0, down, missed).clamp_min(0)


def _back(norm: str, point: Point, s: _State, stride: float) -> Tensor:
    """Project onto the ball and step within it."""
    geometry = NORMS[norm]
    ahead = rows(stride * s.radius, s.x) * geometry.steepest(s.slope)
    return geometry.confine(point.x + ahead, s.x, s.radius)
