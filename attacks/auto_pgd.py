"""Auto-PGD: momentum, and a step per sample that halves when progress stalls."""

from collections.abc import Sequence
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from advkit.attacks.auto_pgd_l1 import walk_back
from advkit.attacks.walks import (
    Found,
    radii,
    random_start,
    repeated,
    strongest_point,
)
from advkit.engine import NORMS, Norm, Objective, Point, Rule, rows
from advkit.engine.objectives import LOSSES, Model
from advkit.engine.rules import Constraint, ball
from advkit.engine.seeding import keys

PULL = 0.75  # weight of the new step, the rest being momentum
RISES = (
    0.75  # a sample must have risen in more than this share of the steps since the last checkpoint
)


def apgd(
    model: Model,
    x: Tensor,
    y: Tensor,
    *,
    eps: float | Tensor,
    norm: Literal["Linf", "L2", "L1"] = "Linf",
    targets: Tensor | None = None,
    seed: int = 0,
    ids: Sequence[str] | None = None,
    steps: int = 100,
    loss: Literal["ce", "dlr", "margin", "probability"] = "ce",
    restarts: int = 1,
) -> Tensor:
    """Return the best of ``steps`` + 1 iterates per restart (Croce and Hein 2020).

    Starts on the surface of the ball; stops at once when a sample is fooled. With fewer classes
    than ``dlr`` needs, it falls back to the plain margin. L1 uses a different procedure, of this
    project: two jumps of a tenth of the box along the signs of the gradient, then steps in a ball
    that shrinks from ten times ``eps``, each to the point that a running mean of gradients favours
    most, where no entry moves by more than 0.2 at first and 0.02 at the end (a linear program,
    solved exactly). Runs that stay inside the ball, or start from three times ``eps`` (Croce and
    Hein 2021), find far fewer.

    Knows: gradients
    Cost: restarts * (steps + 1) forward, restarts * steps backward
    Use: the strongest single run inside a known ``eps``; nothing to tune.
    Fails: where the nearest class is not the one that the loss leads to: use `apgd_targeted`.
    Paper: Croce and Hein 2020, arXiv:2003.01690
    """
    if not len(x):
        return x
    radius, stream = radii(eps, x), keys(seed, ids, x, "apgd")

    def walk(index: Tensor, restart: int) -> Found:
        t0 = None if targets is None else targets[index]
        start = random_start(
            norm, stream[index], x[index], radius[index], stream=restart, surface=True
        )
        objective = LOSSES[loss](model, y[index], t0)
        return auto_walk(objective, start, x[index], y[index], t0, radius[index], norm, steps)

    return repeated(walk, x, restarts).x


def auto_walk(
    objective: Objective,
    start: Tensor,
    x: Tensor,
    y: Tensor,
    targets: Tensor | None,
    radius: Tensor,
    norm: str,
    steps: int,
) -> Found:
    """Run once from ``start`` around ``x``; fooled is defined by `margins` with ``targets``."""
    if norm == "L1":
        return walk_back(objective, start, x, y, targets, radius, steps)
    rule = _auto(NORMS[norm], x, radius, checkpoints(steps))
    return strongest_point(objective, start, rule, steps, y, targets)


def checkpoints(steps: int) -> tuple[int, ...]:
    """Return the steps after which progress is checked: 22, 41, 57, 70, ... of 100."""
    width = max(int(0.22 * steps), 1)
    marks = [width]
    while marks[-1] < steps:
        width = max(width - int(0.03 * steps), int(0.06 * steps), 1)
        marks.append(marks[-1] + width)
    return tuple(marks)


class _State(NamedTuple):
    moves: int
    mark: int
    ball: Constraint
    before: Tensor  # the iterate before this one
    value: Tensor  # its value
    step: Tensor
    rises: Tensor  # since the last checkpoint
    top: Tensor  # highest value so far, with its iterate and gradient
    top_x: Tensor
    top_gradient: Tensor
    mark_step: Tensor  # step and highest value at the last checkpoint
    mark_top: Tensor


def _auto(norm: Norm, x: Tensor, radius: Tensor, marks: tuple[int, ...]) -> Rule:
    around = ball(norm, x, radius)

    def init(start: Tensor) -> _State:
        low = torch.full_like(radius, -torch.inf)
        none = torch.zeros_like(radius)
        step = 2 * radius
        return _State(
            0, 0, around, start, low, step, none, low, start, torch.zeros_like(x), step, low
        )

    def update(point: Point, s: _State) -> tuple[Tensor, _State]:
        s = _look(point, s)
        here, gradient = point.x, point.gradient
        if s.moves == marks[s.mark]:
            s, halved = _check(s, s.moves - (marks[s.mark - 1] if s.mark else 0))
            here = torch.where(halved, s.top_x, here)
            gradient = torch.where(halved, s.top_gradient, gradient)
        ahead = here + rows(s.step, here) * norm.steepest(gradient)
        new = s.ball.nearest(ahead, *s.ball.fixed)
        if s.moves:
            mixed = here + PULL * (new - here) + (1 - PULL) * (here - s.before)
            new = s.ball.nearest(mixed, *s.ball.fixed)
        return new, s._replace(before=here, moves=s.moves + 1)

    return Rule(init, update)


def _look(point: Point, s: _State) -> _State:
    """Update the state with the value, and the iterate if its value is the highest so far."""
    rises = s.rises + (point.value > s.value) if s.moves else s.rises
    higher = point.value > s.top
    wide = rows(higher, point.x)
    return s._replace(
        rises=rises,
        value=point.value,
        top=torch.where(higher, point.value, s.top),
        top_x=torch.where(wide, point.x, s.top_x),
        top_gradient=torch.where(wide, point.gradient, s.top_gradient),
    )


def _check(s: _State, width: int) -> tuple[_State, Tensor]:
    """Halve the step if the last ``width`` steps made little progress; return where."""
    stalled = s.rises <= RISES * width
    stuck = (s.mark_step == s.step) & (s.mark_top == s.top)
    halve = stalled | stuck
    step = torch.where(halve, s.step / 2, s.step)
    s = s._replace(
        mark=s.mark + 1,
        step=step,
        rises=torch.zeros_like(s.rises),
        mark_step=s.step,
        mark_top=s.top,
    )
    return s, rows(halve, s.top_x)
