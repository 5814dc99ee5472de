"""The walk of Auto-PGD in L1: it leaps away and comes back by Frank-Wolfe."""

from typing import NamedTuple

from torch import Tensor

from advkit.attacks.walks import Found, strongest_point
from advkit.engine import NORMS, Objective, Point, Rule
from advkit.engine.projections import furthest
from advkit.engine.rules import cosine

LEAP = 0.1  # of each entry, by one move of a leap
FAR = 10.0  # radius of the ball in which the way back begins, in units of eps
SHRINKS = 0.5  # share of the way back in which it falls to eps
SHARE = (0.4, 0.02)  # of the way to the linear optimum, at first and at last


def walk_back(
    objective: Objective,
    start: Tensor,
    x: Tensor,
    y: Tensor,
    targets: Tensor | None,
    radius: Tensor,
    steps: int,
) -> Found:
    """Leap along signs of gradients, then go towards linear optima in balls that shrink.

    In L1 what matters is where a walk comes from: one that begins inside the ball of ``radius``
    (n,) leaves several times as many images unfooled. Only points inside that ball count. The last
    move goes to the optimum itself, which is exact where the model is linear.
    """

    def counts(point: Point) -> Tensor:
        return NORMS["L1"].size(point.x - point.of(x)) <= (1 + 1e-6) * point.of(radius)

    rule = _back(x, radius, steps)
    return strongest_point(objective, start, rule, steps, y, targets, counts=counts)


class _State(NamedTuple):
    moves: int
    x: Tensor
    radius: Tensor


def _back(x: Tensor, radius: Tensor, steps: int) -> Rule:
    leaps = min(2, steps // 10)

    def update(point: Point, s: _State) -> tuple[Tensor, _State]:
        after = s._replace(moves=s.moves + 1)
        if s.moves < leaps:
            away = NORMS["Linf"].steepest(point.gradient)
            return (point.x + LEAP * away).clamp(0, 1), after
        gone = (s.moves - leaps) / (steps - leaps)
        ends = after.moves == steps
        reach = s.radius * (1.0 if ends else FAR ** max(1 - gone / SHRINKS, 0.0))
        inside = NORMS["L1"].confine(point.x, s.x, reach)
        share = 1.0 if ends else SHARE[1] + (SHARE[0] - SHARE[1]) * cosine(gone, 1)
        return inside + share * (furthest("L1", point.gradient, s.x, reach) - inside), after

    return Rule(lambda _start: _State(0, x, radius), update)
