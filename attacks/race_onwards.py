"""A race that goes on: one walk a sample, from a point that fools, in rounds while they pay."""

from functools import partial

import torch
from torch import Tensor

from advkit.attacks.minimum import Nearest
from advkit.attacks.race_course import LAGS, LONG_ON, Pace, homewards, onwards
from advkit.attacks.race_walks import Field, side_by_side
from advkit.attacks.sparse_turns import turns_on
from advkit.engine import NORMS, evaluate, take
from advkit.engine.objectives import Model, likeliest, margin


def classes_at(model: Model, field: Field, points: Tensor | None) -> Tensor:
    """Return as which class ``points`` (n, ...) fool, (n,), and -1 where they do not.

    A point that is the image itself is not looked at.
    """
    found = torch.full_like(field.y, -1)
    if points is None:
        return found
    moved = (points != field.x).flatten(1).any(1).nonzero().squeeze(1)
    if len(moved):
        part = take(field, moved)
        seen = evaluate(margin(model, part.y, part.goal), points[moved], gradient=False)
        other = likeliest(seen.output, part.y)[:, 0] if part.goal is None else part.goal
        found[moved] = other.where(seen.value > 0, -1)
    return found


def from_points(
    model: Model, norm: str, pace: Pace, field: Field, points: Tensor, aims: Tensor, steps: int
) -> Nearest:
    """Return the nearest fooling point of walks that go on from ``points``, each to its class.

    ``aims`` are these classes, (n,). Whoever lags too far behind the distance asked for leaves.
    """
    pace = pace._replace(lag=LAGS[norm])
    run = partial(side_by_side, model, norm, pace)
    if norm == "L1" and steps >= LONG_ON:
        begun = Nearest(points, NORMS[norm].size(points - field.x))
        return turns_on(model, field, begun, run, pace, steps)
    moves = onwards(pace, steps, 1) if pace.back else homewards(steps, 0)
    return run(field, points, aims[:, None], moves)
