"""The runs of a race in one batch; those that fall behind are dropped."""

from functools import partial
from itertools import count
from typing import NamedTuple

import torch
from torch import Tensor

from advkit.attacks.minimum import Nearest, linear_reach
from advkit.attacks.race_rule import race_rule
from advkit.attacks.race_schedule import Move, Pace
from advkit.engine import NORMS, Point, ascend, best, evaluate, rows, take
from advkit.engine.objectives import Model, class_gap, margin, margins, rivals


class Field(NamedTuple):
    """The samples of a race; one row each.

    ``goal`` holds targets if there are any; a sample within ``stop`` is finished; ``stream`` keys
    its random numbers.
    """

    x: Tensor
    y: Tensor
    logits: Tensor
    goal: Tensor | None
    stop: Tensor
    stream: Tensor


def classes_at(model: Model, field: Field, points: Tensor) -> Tensor:
    """Return as which class ``points`` (n, ...) fool, (n,), and -1 if they do not.

    A point that is the image itself is not evaluated.
    """
    found = torch.full_like(field.y, -1)
    moved = (points != field.x).flatten(1).any(1).nonzero().squeeze(1)
    if len(moved):
        part = take(field, moved)
        seen = evaluate(margin(model, part.y, part.goal), points[moved], gradient=False)
        other, _ = rivals(seen.output, part.y, part.goal)
        found[moved] = other.where(seen.value > 0, -1)
    return found


def side_by_side(
    model: Model,
    norm: str,
    pace: Pace,
    field: Field,
    start: Tensor,
    aims: Tensor,
    moves: list[Move],
    number: int,
) -> tuple[Nearest, Tensor]:
    """Run from ``start`` to the classes ``aims`` (n, at least `Move.walks`) in one round.

    All runs of all samples form one batch, those of a sample next to each other. Returns the
    nearest fooling point, and the target class of the run that found it, (n,).
    """
    x, y, logits, goal, stop, stream = field
    walks = moves[0].walks if moves else 1
    geometry, sizes, looks = NORMS[norm], [move.walks for move in moves] + [1, 1], count()

    def distances(point: Point) -> Tensor:
        sample = point.which // walks
        fooled = margins(point.output, y[sample], None if goal is None else goal[sample]) > 0
        return torch.where(fooled, geometry.size(point.x - x[sample]), torch.inf)

    def leaves(point: Point) -> Tensor:
        now, after = sizes[(at := next(looks))], sizes[at + 1]
        sample = point.which // walks
        there = distances(point) <= stop[sample]
        ahead = geometry.size(point.x - x[sample]) + linear_reach(point, geometry)
        place = ahead.view(-1, now).argsort(dim=1, stable=True).argsort(dim=1, stable=True)
        return (there.view(-1, now).any(1, keepdim=True) | (place >= after)).flatten()

    each = partial(torch.repeat_interleave, repeats=walks, dim=0)
    own = each(stream) + torch.arange(walks, device=x.device).repeat(len(x))
    goals = aims[:, :walks].flatten()
    # With targets all other classes count; without, a third class that fools is as good.
    towards = class_gap if goal is None else margin
    over, _ = towards(each, each(y), goals)(logits)  # at the image, whose logits are known
    rule = race_rule(norm, each(x), (-over).clamp_min(0), own, pace, moves, number)
    walk = ascend(towards(model, each(y), goals), each(start), rule, len(moves), leaves)
    places, closeness = best(walk, lambda point: -distances(point))
    nearest, which = (-closeness).view(-1, walks).min(1)
    row = torch.arange(len(x), device=x.device) * walks + which
    found = torch.where(rows(nearest.isinf(), x), x, places[row])
    return Nearest(found, nearest), goals[row]
