"""Race: walks to several classes at once; those that lag behind leave."""

from collections.abc import Sequence
from functools import partial
from itertools import count
from typing import Literal

import torch
from torch import Tensor

from advkit.attacks.minimum import Nearest, enough, linear_reach, within
from advkit.attacks.newton_radius import newton_radius
from advkit.attacks.race_course import PACES, Pace, course
from advkit.engine import NORMS, Point, ascend, best, evaluate, rows
from advkit.engine.objectives import Model, class_gap, likeliest, margin, margins
from advkit.engine.seeding import keys


def race(
    model: Model,
    x: Tensor,
    y: Tensor,
    *,
    eps: float | Tensor | None = None,
    norm: Literal["Linf", "L2", "L1"] = "Linf",
    targets: Tensor | None = None,
    seed: int = 0,
    ids: Sequence[str] | None = None,
    steps: int = 400,
    stride: float = 0.0,
) -> Tensor:
    """Return the nearest fooling point that walks to several classes met (of this project).

    Each walk climbs the difference of the logits of its class and of ``y``, along a running sum of
    gradients, in a ball around ``x`` and the box. The radius follows Newton: it is the distance at
    which the linearised margin vanishes, but moves only by a share at a time. Walks set out to the
    likeliest classes; those whose estimated distance is not among the least leave, stage by stage.
    All count as ``steps``.

    In Linf up to nine walks set out from ``x`` and one round is run. In L2 and L1 what matters is
    where a walk comes from: it leaps away, by a quarter of the box along the signs of the gradient,
    and comes back as near as it can. Up to five classes are aimed at so. The walk that is left then
    repeats rounds, as long as there are steps: it leaps away from the nearest place so far, with
    a random choice of entries (in L1 from the first round on), and comes back.

    Any misclassification counts; with ``targets`` it alone does. A step is ``stride`` radii long at
    first, and in L1 this share of the way to the optimum of the linearised margin on ball and box
    (0: 0.5 in Linf, 1.2 in L2, 0.4 in L1).

    Knows: gradients
    Cost: steps + 2 forward, steps backward
    Use: the smallest distances in Linf, L2 and L1 for the passes; ``steps`` 49 takes 100 passes.
    Fails: where gradients vanish or mislead.
    Paper: none, it is of this project; compare Pintor et al. 2021, arXiv:2102.12827
    """
    if not len(x):
        return x
    stop, stream = enough(eps, x), keys(seed, ids, x, "race")
    clean = evaluate(margin(model, y, targets), x, gradient=False)
    fooled = clean.value > 0
    found, distance = x.clone(), torch.where(fooled, 0.0, torch.inf).to(x.dtype)
    left = (~fooled).nonzero().squeeze(1)
    if len(left):
        pace = PACES[norm]._replace(stride=stride or PACES[norm].stride)
        order = likeliest(clean.output, y) if targets is None else targets[:, None]
        aims = order[left, : pace.aims]
        goal = None if targets is None else targets[left]
        found[left], distance[left] = _race(
            model, x[left], y[left], aims, goal, stop[left], stream[left], norm, steps, pace
        )
    return within(Nearest(found, distance), x, eps)


def _race(
    model: Model,
    x: Tensor,
    y: Tensor,
    aims: Tensor,
    goal: Tensor | None,
    stop: Tensor,
    stream: Tensor,
    norm: str,
    steps: int,
    pace: Pace,
) -> Nearest:
    """Run all walks of all samples as one batch of rows, those of a sample side by side."""
    moves = course(pace, steps, aims.shape[1])
    walks = moves[0].walks if moves else 1
    geometry, sizes, number = NORMS[norm], [move.walks for move in moves] + [1, 1], count()

    def distances(point: Point) -> Tensor:
        sample = point.which // walks
        fooled = margins(point.output, y[sample], None if goal is None else goal[sample]) > 0
        return torch.where(fooled, geometry.size(point.x - x[sample]), torch.inf)

    def leaves(point: Point) -> Tensor:
        now, after = sizes[(at := next(number))], sizes[at + 1]
        there = distances(point) <= stop[point.which // walks]
        ahead = geometry.size(point.x - x[point.which // walks]) + linear_reach(point, geometry)
        place = ahead.view(-1, now).argsort(dim=1, stable=True).argsort(dim=1, stable=True)
        return (there.view(-1, now).any(1, keepdim=True) | (place >= after)).flatten()

    each = partial(torch.repeat_interleave, repeats=walks, dim=0)
    own = each(stream) + torch.arange(walks, device=x.device).repeat(len(x))
    rule = newton_radius(norm, each(x), own, pace, moves)
    objective = class_gap(model, each(y), aims[:, :walks].flatten())
    walk = ascend(objective, each(x), rule, len(moves), leaves)
    places, closeness = best(walk, lambda point: -distances(point))
    nearest, which = (-closeness).view(-1, walks).min(1)
    found = places.view(len(x), walks, *x.shape[1:])[torch.arange(len(x)), which]
    return Nearest(torch.where(rows(nearest.isinf(), x), x, found), nearest)
