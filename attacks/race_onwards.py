"""A race that goes on: one walk a sample, from a point that fools, in rounds while they pay."""

from functools import partial

from torch import Tensor

from advkit.attacks.minimum import Nearest
from advkit.attacks.race_course import LAGS, LONG_ON, Pace, homewards, onwards
from advkit.attacks.race_walks import Field, side_by_side
from advkit.attacks.sparse_turns import turns_on
from advkit.engine import NORMS
from advkit.engine.objectives import Model


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
