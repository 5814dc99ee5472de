"""What MD and PMA share: first one class alone, then the margin, in steps that shrink."""

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from advkit.attacks.walks import Found, radii, random_start, repeated
from advkit.engine import NORMS, Objective, Point, Rule, ascend, best, rows, take
from advkit.engine.objectives import margins
from advkit.engine.rules import ball
from advkit.engine.seeding import keys

FIRST_STEP = 2.0  # in units of eps


def two_phases(
    first: Callable[[int, Tensor, Tensor | None], Objective],
    second: Callable[[Tensor, Tensor | None], Objective],
    x: Tensor,
    y: Tensor,
    targets: Tensor | None,
    *,
    eps: float | Tensor,
    norm: str,
    seed: int,
    ids: Sequence[str] | None,
    purpose: str,
    steps: int,
    restarts: int,
) -> Tensor:
    """Climb ``first(restart, y, targets)`` for half the steps, from there ``second(y, targets)``.

    In each phase the step falls from twice ``eps`` to nothing by a cosine. Returns the points of
    highest margin over all restarts; a fooled sample stops at once.
    """
    radius, stream = radii(eps, x), keys(seed, ids, x, purpose)
    phases = (steps // 2, steps - steps // 2)

    def walk(index: Tensor, restart: int) -> Found:
        x0, y0, r0, key = take((x, y, radius, stream), index)
        t0 = None if targets is None else targets[index]
        end = random_start(norm, key, x0, r0, stream=restart, surface=False)
        found = Found(end, torch.full_like(r0, -torch.inf))
        for objective, moves in zip((first(restart, y0, t0), second(y0, t0)), phases, strict=True):
            end, found = _phase(objective, end, found, x0, y0, t0, r0, norm, moves)
        return found

    return repeated(walk, x, restarts).x


def _phase(
    objective: Objective,
    start: Tensor,
    found: Found,
    x: Tensor,
    y: Tensor,
    targets: Tensor | None,
    radius: Tensor,
    norm: str,
    moves: int,
) -> tuple[Tensor, Found]:
    """Return where the walk of those not yet fooled ends, and the best points so far."""
    left = (~(found.margin > 0)).nonzero().squeeze(1)
    if not len(left):
        return start, found
    objective, y0, goal = take((objective, y, () if targets is None else (targets,)), left)
    end = start.clone()

    def over(point: Point) -> Tensor:
        end[left[point.which]] = point.x
        return margins(point.output, y0[point.which], *(g[point.which] for g in goal))

    rule = _annealed(norm, x[left], radius[left], moves)
    walk = ascend(objective, start[left], rule, moves, lambda point: over(point) > 0)
    places, top = best(walk, over)
    better = (top > found.margin[left]).nonzero().squeeze(1)
    best_x, margin = found.x.clone(), found.margin.clone()
    best_x[left[better]], margin[left[better]] = places[better], top[better].to(margin.dtype)
    return end, Found(best_x, margin)


def _annealed(norm: str, x: Tensor, radius: Tensor, moves: int) -> Rule:
    around, steepest = ball(NORMS[norm], x, radius), NORMS[norm].steepest

    def update(
        point: Point, state: tuple[int, Tensor, tuple[Tensor, ...]]
    ) -> tuple[Tensor, tuple[int, Tensor, tuple[Tensor, ...]]]:
        done, radius, fixed = state
        step = FIRST_STEP * (1 + math.cos(math.pi * done / moves)) / 2
        ahead = point.x + rows(step * radius, point.x) * steepest(point.gradient)
        return around.nearest(ahead, *fixed), (done + 1, radius, fixed)

    return Rule(lambda _start: (0, radius, around.fixed), update)
