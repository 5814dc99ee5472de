"""Race: walks to several classes at once; those that lag behind leave."""

from collections.abc import Sequence
from itertools import count
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from advkit.attacks.minimum import Nearest, enough, linear_reach, within
from advkit.engine import NORMS, Norm, Point, Rule, ascend, best, evaluate, rows
from advkit.engine.objectives import Model, class_gap, likeliest, margin, margins
from advkit.engine.rules import cosine

FIELD = ((9, 0.18), (5, 0.14), (2, 0.34), (1, 0.34))
"""How many walks of a sample are in the race, stage by stage, and for which share of the steps."""

STRIDE = {"Linf": 0.5, "L2": 4.0}
GAMMA = (0.1, 0.001)  # by which share the radius moves, at first and at last


def race(
    model: Model,
    x: Tensor,
    y: Tensor,
    *,
    eps: float | Tensor | None = None,
    norm: Literal["Linf", "L2"] = "Linf",
    targets: Tensor | None = None,
    seed: int = 0,
    ids: Sequence[str] | None = None,
    steps: int = 400,
    stride: float = 0.0,
) -> Tensor:
    """Return the nearest fooling point that walks to several classes met (of this project).

    Each walk climbs the difference of the logits of its class and of ``y`` along the steepest
    direction of the norm, within a ball around ``x`` and the box. The radius follows Newton: it is
    the distance at which the linearised margin vanishes, but moves only by a share at a time. The
    nine likeliest classes set out; after 18%, 32% and 66% of the ``steps``, which are counted over
    all walks of a sample, five, two and one stay in: those whose estimated distance is least. A
    step is ``stride`` radii long at first (0: 0.5 in Linf, 4 in L2) and falls by a cosine to a
    hundredth. Any misclassification counts; with ``targets`` there is one walk, and it alone does.

    Knows: gradients
    Cost: steps + 2 forward, steps backward
    Use: the smallest distances in Linf and L2 for the passes; ``steps`` 49 takes 100 passes.
    Fails: where gradients vanish or mislead.
    Paper: none, it is of this project; compare Pintor et al. 2021, arXiv:2102.12827
    """
    if not len(x):
        return x
    stop = enough(eps, x)
    clean = evaluate(margin(model, y, targets), x, gradient=False)
    fooled = clean.value > 0
    found, distance = x.clone(), torch.where(fooled, 0.0, torch.inf).to(x.dtype)
    left = (~fooled).nonzero().squeeze(1)
    if len(left):
        order = likeliest(clean.output, y)[:, : FIELD[0][0]]
        aims = order if targets is None else targets[:, None]
        goal = None if targets is None else targets[left]
        found[left], distance[left] = _race(
            model,
            x[left],
            y[left],
            aims[left],
            goal,
            stop[left],
            norm,
            steps,
            stride,
        )
    return within(Nearest(found, distance), x, eps)


def field(steps: int, walks: int) -> list[int]:
    """Return how many walks of a sample make each move; the sum is ``steps``."""
    sizes: list[int] = []
    for size, share in FIELD[:-1]:
        size = min(size, walks)
        moves = min(max(int(share * steps) // size, 1), (steps - sum(sizes)) // size)
        sizes += [size] * moves
    return sizes + [1] * (steps - sum(sizes))


def _race(
    model: Model,
    x: Tensor,
    y: Tensor,
    aims: Tensor,
    goal: Tensor | None,
    stop: Tensor,
    norm: str,
    steps: int,
    stride: float,
) -> Nearest:
    """Run all walks of all samples as one batch of rows, those of a sample side by side."""
    walks, geometry = aims.shape[1], NORMS[norm]
    sizes, moves = field(steps, walks), count()
    start = x.repeat_interleave(walks, 0)
    rule = _newton(geometry, start, stride or STRIDE[norm], len(sizes))

    def distances(point: Point) -> Tensor:
        sample = point.which // walks
        fooled = margins(point.output, y[sample], None if goal is None else goal[sample]) > 0
        return torch.where(fooled, geometry.size(point.x - x[sample]), torch.inf)

    def leaves(point: Point) -> Tensor:
        now, after = sizes[(move := next(moves))], [*sizes, 1][move + 1]
        there = distances(point) <= stop[point.which // walks]
        ahead = geometry.size(point.x - x[point.which // walks]) + linear_reach(point, geometry)
        place = ahead.view(-1, now).argsort(dim=1, stable=True).argsort(dim=1, stable=True)
        return (there.view(-1, now).any(1, keepdim=True) | (place >= after)).flatten()

    objective = class_gap(model, y.repeat_interleave(walks), aims.flatten())
    walk = ascend(objective, start, rule, len(sizes), leaves)
    places, closeness = best(walk, lambda point: -distances(point))
    nearest, which = (-closeness).view(-1, walks).min(1)
    found = places.view(len(x), walks, *x.shape[1:])[torch.arange(len(x)), which]
    return Nearest(torch.where(rows(nearest.isinf(), x), x, found), nearest)


class _State(NamedTuple):
    moves: int
    x: Tensor
    radius: Tensor
    nearest: Tensor  # distance of the nearest place so far at which the class is over ``y``


def _newton(norm: Norm, x: Tensor, stride: float, last: int) -> Rule:
    def init(start: Tensor) -> _State:
        far = torch.full((len(start),), torch.inf, dtype=x.dtype, device=x.device)
        return _State(0, x, far, far)

    def update(point: Point, s: _State) -> tuple[Tensor, _State]:
        left = cosine(s.moves, last)
        gamma = GAMMA[1] + (GAMMA[0] - GAMMA[1]) * left
        size, over = norm.size(point.x - s.x), point.value > 0
        nearest = torch.where(over, torch.minimum(size, s.nearest), s.nearest)
        radius = _radius(s.radius, nearest, over, size + linear_reach(point, norm), gamma)
        step = stride * (0.01 + 0.99 * left) * radius
        ahead = point.x + rows(step, s.x) * norm.steepest(point.gradient)
        new = norm.confine(ahead, s.x, radius)
        return new, _State(s.moves + 1, s.x, radius, nearest)

    return Rule(init, update)


def _radius(radius: Tensor, nearest: Tensor, over: Tensor, newton: Tensor, gamma: float) -> Tensor:
    """Return Newton's radius, kept between a small and a large change of the last one."""
    held = torch.minimum(radius, nearest)
    down = newton.clamp(held * (1 - 2 * GAMMA[0]), nearest * (1 - 0.2 * gamma - 1e-4))
    up = newton.clamp(radius * (1 + 0.1 * gamma), radius * (1 + 2 * GAMMA[0]))
    missed = torch.where(
        nearest.isfinite(), torch.minimum(up, nearest * (1 - 1e-3)), newton * (1 + gamma)
    )
    return torch.where(over, down, missed).clamp_min(0)
