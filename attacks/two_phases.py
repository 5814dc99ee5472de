"""Shared code of MD and PMA: first the score of one class, then the margin, with annealed steps."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from advkit.attacks.walks import Found, radii, random_start, repeated, strongest_point
from advkit.engine import NORMS, Objective, take
from advkit.engine.objectives import Model, rivals
from advkit.engine.rules import annealed, ball, within
from advkit.engine.seeding import keys

FIRST_STEP = 2.0  # in units of eps

Score = Callable[[Tensor, Tensor], Tensor]
"""(logits, classes) -> one number for the class of each sample, (n,)."""


def two_phases(
    model: Model,
    x: Tensor,
    y: Tensor,
    targets: Tensor | None,
    *,
    eps: float | Tensor,
    norm: str,
    seed: int,
    ids: Sequence[str] | None,
    steps: int,
    restarts: int,
    purpose: str,
    score: Score,
    difference: Callable[..., Objective],
) -> Tensor:
    """Ascend for half the steps by the ``score`` of one class, then by the ``difference``.

    Of the two `rivals` the first run lowers the score of one, the second raises that of the other,
    and so on in turn. In each phase the step is annealed from twice ``eps`` to zero by a cosine.
    Returns the points of highest margin over all restarts; a fooled sample stops at once.
    """
    radius, stream = radii(eps, x), keys(seed, ids, x, purpose)
    phases = (steps // 2, steps - steps // 2)

    def walk(index: Tensor, restart: int) -> Found:
        x0, y0, r0, key = take((x, y, radius, stream), index)
        t0 = None if targets is None else targets[index]
        end = random_start(norm, key, x0, r0, stream=restart, surface=False)
        found = Found(end, torch.full_like(r0, -torch.inf))
        alone = _one_class(model, y0, t0, score, lower=restart % 2 == 0)
        for objective, moves in zip((alone, difference(model, y0, t0)), phases, strict=True):
            end, found = _phase(objective, end, found, x0, y0, t0, r0, norm, moves)
        return found

    return repeated(walk, x, restarts).x


def _one_class(
    model: Model, y: Tensor, targets: Tensor | None, score: Score, *, lower: bool
) -> Objective:
    """Return the score of the class to raise, or minus that of the class to lower."""

    def value(x: Tensor, y: Tensor, *targets: Tensor) -> tuple[Tensor, Tensor]:
        logits = model(x)
        up, down = rivals(logits, y, *targets)
        return -score(logits, down) if lower else score(logits, up), logits

    return Objective(value, (y,) if targets is None else (y, targets))


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
    """Return the end of the run of samples not yet fooled, and the best points so far."""
    end = start.clone()

    def walk(index: Tensor, _number: int) -> Found:
        part, x0, y0, r0 = take((objective, x, y, radius), index)
        t0 = None if targets is None else targets[index]
        ends = start[index]
        steps = annealed(NORMS[norm].steepest, FIRST_STEP * r0, moves)
        rule = within(steps, ball(NORMS[norm], x0, r0))
        run = strongest_point(part, start[index], rule, moves, y0, t0, ends=ends)
        end[index] = ends
        return run

    return end, repeated(walk, x, 1, found)
