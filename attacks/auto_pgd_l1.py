"""Auto-PGD in L1: a leap away from the image, then back by linear programs."""

from typing import NamedTuple

import torch
from torch import Tensor

from advkit.attacks.moves_in_l1 import highest_move
from advkit.attacks.walks import Found, strongest_point
from advkit.engine import NORMS, Objective, Point, Rule
from advkit.engine.projections import furthest
from advkit.engine.rules import cosine, gathered

LEAP = 0.1  # of each entry, in one step of the leap
FAR = 10.0  # initial radius of the ball on the way back, in units of eps
SHRINKS = 0.5  # share of the way back in which the radius shrinks to eps
TRUST = (0.2, 0.02)  # maximum change of an entry, in the first and the last step
DECAY = 0.6  # weight of earlier gradients in the next step


def walk_back(
    objective: Objective,
    start: Tensor,
    x: Tensor,
    y: Tensor,
    targets: Tensor | None,
    radius: Tensor,
    steps: int,
) -> Found:
    """Leap along gradient signs, then step to nearby linear optima in shrinking balls.

    In L1 the start matters: a run that begins inside the ball of ``radius`` (n,) leaves several
    times as many images unfooled. Only points inside that ball count. The last step goes to the
    linear optimum itself, which is exact for linear models.
    """

    def counts(point: Point) -> Tensor:
        return NORMS["L1"].size(point.x - point.of(x)) <= (1 + 1e-6) * point.of(radius)

    rule = _back(x, radius, steps)
    return strongest_point(objective, start, rule, steps, y, targets, counts=counts)


class _State(NamedTuple):
    moves: int
    x: Tensor
    radius: Tensor
    slope: Tensor  # running sum of normalised gradients


def _back(x: Tensor, radius: Tensor, steps: int) -> Rule:
    leaps = min(2, steps // 10)

    def update(point: Point, s: _State) -> tuple[Tensor, _State]:
        slope = gathered(s.slope, point.gradient, DECAY, NORMS["L1"].size)
        after = s._replace(moves=s.moves + 1, slope=slope)
        if s.moves < leaps:
            away = NORMS["Linf"].steepest(point.gradient)
            return (point.x + LEAP * away).clamp(0, 1), after
        gone = (s.moves - leaps) / (steps - leaps)
        if after.moves == steps:
            return furthest("L1", point.gradient, s.x, s.radius), after
        left, reach = cosine(gone, 1), s.radius * FAR ** max(1 - gone / SHRINKS, 0.0)
        trust = TRUST[1] + (TRUST[0] - TRUST[1]) * left
        return highest_move(s.x, point.x, slope, reach, trust, left), after

    return Rule(lambda start: _State(0, x, radius, torch.zeros_like(start)), update)
