"""The walks of a race, side by side in one batch; those that lag behind leave."""

from functools import partial
from itertools import count
from typing import NamedTuple

import torch
from torch import Tensor

from advkit.attacks.minimum import Nearest, linear_reach
from advkit.attacks.newton_radius import newton_radius
from advkit.attacks.race_course import Move, Pace
from advkit.engine import NORMS, Point, ascend, best, rows
from advkit.engine.objectives import Model, class_gap, margins


class Field(NamedTuple):
    """The samples of a race; one row each.

    ``goal`` holds targets if there are any; at a distance of ``stop`` a sample need not be brought
    nearer, and ``stream`` is its source of random numbers.
    """

    x: Tensor
    y: Tensor
    goal: Tensor | None
    stop: Tensor
    stream: Tensor


def side_by_side(
    model: Model,
    norm: str,
    pace: Pace,
    field: Field,
    start: Tensor,
    aims: Tensor,
    moves: list[Move],
) -> Nearest:
    """Walk from ``start`` to the classes ``aims`` (n, at least `Move.walks`); return the nearest.

    All walks of all samples are one batch of rows, those of a sample beside each other. With a
    `Pace.lag` a walk leaves where a round ends if it is further from its sample's ``stop`` than the
    moves that are left make good, as a rule.
    """
    x, y, goal, stop, stream = field
    walks = moves[0].walks if moves else 1
    geometry, sizes, number = NORMS[norm], [move.walks for move in moves] + [1, 1], count()

    def distances(point: Point) -> Tensor:
        sample = point.which // walks
        fooled = margins(point.output, y[sample], None if goal is None else goal[sample]) > 0
        return torch.where(fooled, geometry.size(point.x - x[sample]), torch.inf)

    record = torch.full((len(x) * walks,), torch.inf, dtype=x.dtype, device=x.device)

    def lags(which: Tensor, at: int) -> Tensor:
        enough = stop[which // walks]
        room = 1 + pace.lag * (1 - at / len(moves))
        return (enough > 0) & (record[which] > room * enough)

    def leaves(point: Point) -> Tensor:
        now, after = sizes[(at := next(number))], sizes[at + 1]
        near = distances(point)
        there = near <= stop[point.which // walks]
        record[point.which] = torch.minimum(record[point.which], near)
        if pace.lag and moves[at].returns:
            there |= lags(point.which, at)
        ahead = geometry.size(point.x - x[point.which // walks]) + linear_reach(point, geometry)
        place = ahead.view(-1, now).argsort(dim=1, stable=True).argsort(dim=1, stable=True)
        return (there.view(-1, now).any(1, keepdim=True) | (place >= after)).flatten()

    each = partial(torch.repeat_interleave, repeats=walks, dim=0)
    own = each(stream) + torch.arange(walks, device=x.device).repeat(len(x))
    rule = newton_radius(norm, each(x), own, pace, moves)
    objective = class_gap(model, each(y), aims[:, :walks].flatten())
    walk = ascend(objective, each(start), rule, len(moves), leaves)
    places, closeness = best(walk, lambda point: -distances(point))
    nearest, which = (-closeness).view(-1, walks).min(1)
    found = places.view(len(x), walks, *x.shape[1:])[torch.arange(len(x)), which]
    return Nearest(torch.where(rows(nearest.isinf(), x), x, found), nearest)
