"""A race in L1 in turns: walks as ever, one from few entries, and on from the nearest."""

from collections.abc import Callable

import torch
from torch import Tensor

from advkit.attacks.bisection import bisect
from advkit.attacks.minimum import Nearest, nearest_of
from advkit.attacks.race_course import Move, Pace, Turns, course, homewards, onwards, turns
from advkit.attacks.race_walks import Field, classes_at, lags
from advkit.attacks.sparse_search import PUSH, begin, search
from advkit.attacks.sparse_units import by_place
from advkit.attacks.thinning_to_few import thinning_moves
from advkit.engine import NORMS, evaluate, rows, take
from advkit.engine.objectives import Model, margin

Run = Callable[[Field, Tensor, Tensor, list[Move]], Nearest]
"""`race_walks.side_by_side`, told all but samples, starting points, aims and moves."""

THIN = (4, 4)  # steps and swaps of the search for few entries
DRAW = 1 << 16  # its random numbers, none of a race's rounds
SHORTEST = 0.8  # of its distance, to which a fooling point may be shrunk
HALVINGS = 5


def in_turns(model: Model, field: Field, aims: Tensor, run: Run, pace: Pace, steps: int) -> Nearest:
    """Return the nearest fooling point of a race of ``steps``, at least `race_course.LONG`.

    In L1 a few entries far from the image fool where many that moved a little do not, and no slope
    leads from these to those. So what walks to ``aims`` found is held against what a walk finds
    that sets out from few entries at the walls, and the rest of the steps goes on from the nearer.
    """
    share = turns(steps)
    moves = course(pace, share.before, aims.shape[1])
    nearest = run(field, field.x, aims, moves)
    return _few_then_on(model, field, nearest, run, pace, share, moves[-1].round + 1)


def turns_on(
    model: Model, field: Field, begun: Nearest, run: Run, pace: Pace, steps: int
) -> Nearest:
    """Return what `in_turns` does where the walks to several classes are behind: ``begun``.

    Who lags (`Pace.lag`) before it begins stays where it is.
    """
    left = (~lags(begun.distance, field.stop, pace.lag)).nonzero().squeeze(1)
    found, distance = begun.x.clone(), begun.distance.clone()
    if len(left):
        part, nearest = take((field, begun), left)
        share = turns(steps, 0.0)
        found[left], distance[left] = _few_then_on(model, part, nearest, run, pace, share, 1)
    return Nearest(found, distance)


def _few_then_on(
    model: Model, field: Field, nearest: Nearest, run: Run, pace: Pace, share: Turns, rounds: int
) -> Nearest:
    def sparse(index: Tensor, _number: int) -> Nearest:
        some = take(field, index)
        few = _few_entries(model, some)
        return _goes_on(model, some, few, run, homewards(share.sparse, rounds))

    def after(index: Tensor, _number: int) -> Nearest:
        some, start = take(field, index), nearest.x[index]
        return _goes_on(model, some, start, run, onwards(pace, share.after, rounds + 1))

    nearest = nearest_of(sparse, field.x, 1, field.stop, nearest)
    if share.after:
        nearest = nearest_of(after, field.x, 1, field.stop, nearest)
    return _shrunk(model, field, nearest)


def _few_entries(model: Model, field: Field) -> Tensor:
    x, y, _, goal, stop, stream = field
    aim = () if goal is None else (goal,)
    begun = begin(by_place(x, "features"), y, aim, aim, stop, stream)
    return search(model, begun, x.shape[1:], thinning_moves(*THIN, PUSH, DRAW)).x


def _goes_on(model: Model, field: Field, start: Tensor, run: Run, moves: list[Move]) -> Nearest:
    """Walk on from where ``start`` fools, to the class that it is taken for."""
    aims = classes_at(model, field, start)
    left = (aims >= 0).nonzero().squeeze(1)
    found, distance = field.x.clone(), torch.full_like(field.stop, torch.inf)
    if len(left):
        found[left], distance[left] = run(take(field, left), start[left], aims[left, None], moves)
    return Nearest(found, distance)


def _shrunk(model: Model, field: Field, nearest: Nearest) -> Nearest:
    """Bring the points into the smallest ball around the image where bisection sees them fool."""
    norm = NORMS["L1"]

    def inside(radius: Tensor) -> Tensor:
        return norm.confine(nearest.x, field.x, radius)

    def fools(radius: Tensor) -> Tensor:
        objective = margin(model, field.y, field.goal)
        return evaluate(objective, inside(radius), gradient=False).value > 0

    low, high = SHORTEST * nearest.distance, nearest.distance
    radius = bisect(fools, low, high, HALVINGS)[1]
    found = torch.where(rows(radius < high, field.x), inside(radius), nearest.x)
    return Nearest(found, norm.size(found - field.x).where(high.isfinite(), high))
