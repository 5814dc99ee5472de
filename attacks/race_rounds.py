"""The later rounds of a race: one run per sample, from the nearest point, while that pays."""

from torch import Tensor

from advkit.attacks.minimum import Nearest
from advkit.attacks.race_schedule import Move, Pace, paid
from advkit.attacks.race_walks import Field, side_by_side
from advkit.engine import take
from advkit.engine.objectives import Model


def in_rounds(
    model: Model,
    norm: str,
    pace: Pace,
    field: Field,
    begun: Nearest,
    aims: Tensor,
    order: Tensor,
    rounds: list[list[Move]],
    lag: float = 0.0,
) -> Nearest:
    """Return the nearest points, including those of ``begun``, after ``rounds``.

    Each round runs from the nearest point so far to the class ``aims`` (n,) that fools there, or
    sometimes (`Pace.rivals`) to the likeliest other one in ``order`` (n, classes). Samples too far
    from the requested distance are dropped: by ``lag`` in the first round (`race_schedule.LAGS`),
    and by less the fewer steps are left.
    """
    (x, distance), aims = begun, aims.clone()
    x, distance = x.clone(), distance.clone()
    ahead = total = sum(map(paid, rounds))
    for number, moves in enumerate(rounds, start=1):
        away = distance <= field.stop
        if lag:
            away |= (field.stop > 0) & (distance > (1 + lag * ahead / total) * field.stop)
        ahead -= paid(moves)
        left = (~away).nonzero().squeeze(1)
        if not len(left):
            break
        goals = _goals(aims[left], order[left], pace.rivals, number)
        part = take(field, left)
        run, _ = side_by_side(model, norm, pace, part, x[left], goals[:, None], moves, number)
        better = (run.distance < distance[left]).nonzero().squeeze(1)
        winners = left[better]
        x[winners], distance[winners] = run.x[better], run.distance[better]
        aims[winners] = goals[better]
    return Nearest(x, distance)


def _goals(aims: Tensor, order: Tensor, rivals: int, number: int) -> Tensor:
    """Return the class to which each sample runs in round ``number``, (n,)."""
    if not rivals or number % rivals or order.shape[1] < 2:
        return aims
    others = order[order != aims[:, None]].view(len(aims), -1)
    return others[:, (number // rivals - 1) % others.shape[1]]
