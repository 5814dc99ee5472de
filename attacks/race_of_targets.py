"""Race: runs to several classes at once; those that fall behind are dropped."""

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor

from advkit.attacks.minimum import Nearest, enough, within
from advkit.attacks.race_rounds import in_rounds
from advkit.attacks.race_schedule import LAGS, PACES, Pace, onwards, schedule
from advkit.attacks.race_walks import Field, classes_at, side_by_side
from advkit.engine import NORMS, evaluate, take
from advkit.engine.objectives import Model, likeliest, margin
from advkit.engine.seeding import keys
from advkit.errors import UsageError


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
    starting_points: Tensor | None = None,
) -> Tensor:
    """Return the nearest adversarial example that runs to several classes met (of this project).

    Each run maximises the logit of its class minus that of ``y``, along a running sum of gradients.
    In Linf and L2 it stays in the box and in a ball around ``x``. The radius follows Newton's
    method: it is the distance at which the linearised margin vanishes, but changes only by a share
    at a time. In L1 each move is a linear program: it leads to the point nearest to ``x``, with no
    entry further than ``stride`` from its current value, at which the linearised margin vanishes,
    or, at first, exceeds zero by a third of what it lacks at ``x``. Runs start towards the
    likeliest classes; those whose estimated distance is not among the smallest are dropped, stage
    by stage. The moves of all count as ``steps``.

    In Linf up to nine runs start from ``x``, in a single round. In L2 and L1 it matters where a run
    comes from: up to three (L1: five) jump away, by up to a quarter of the box along the signs of
    the gradient, and return as near as they can. One run then repeats rounds while there are steps
    left: it jumps away from the nearest point so far, with a random choice of entries, and returns.
    In L1 every third such round goes to another class.

    Any misclassification counts; with ``targets`` only the target does, and runs maximise its logit
    minus the best other. A step is ``stride`` radii long at first, and in L1 moves no entry by more
    than that (0: 0.5 in Linf, 1.2 in L2, 0.2 in L1).

    If ``starting_points`` (n, ...) fool, one run continues from there instead, in rounds as above.
    With ``eps`` it gives up early when it is further from ``eps`` than the remaining steps usually
    gain.

    Raises UsageError if the shape of ``starting_points`` is not that of ``x``.

    Knows: gradients
    Cost: steps + 2 forward, steps backward
    Use: the smallest distances in Linf, L2 and L1 for its passes; ``steps`` 49 takes 100 passes.
    Fails: where gradients vanish or mislead.
    Paper: none, it is of this project; compare Pintor et al. 2021, arXiv:2102.12827
    """
    if not len(x):
        return x
    stop, stream = enough(eps, x), keys(seed, ids, x, "race")
    clean = evaluate(margin(model, y, targets), x, gradient=False)
    fooled = clean.value > 0
    found, distance = x.clone(), torch.where(fooled, 0.0, torch.inf).to(x.dtype)
    pace = PACES[norm]._replace(stride=stride or PACES[norm].stride)
    order = likeliest(clean.output, y) if targets is None else targets[:, None]
    field = Field(x, y, clean.output, targets, stop, stream)
    points = x
    if starting_points is not None:
        points, steps = _places(starting_points, x), steps - 1  # one pass evaluates these
    known = classes_at(model, field, points)
    left = (~fooled & (known < 0)).nonzero().squeeze(1)
    if len(left):
        part, aims = take((field, order), left)
        found[left], distance[left] = _from_images(model, norm, pace, part, aims, steps)
    on = (~fooled & (known >= 0)).nonzero().squeeze(1)
    if len(on):
        part, aims = take((field, order), on)
        begun = Nearest(points[on], NORMS[norm].size(points[on] - part.x))
        rounds = onwards(pace, steps)
        found[on], distance[on] = in_rounds(
            model, norm, pace, part, begun, known[on], aims, rounds, LAGS[norm]
        )
    return within(Nearest(found, distance), x, eps)


def _from_images(
    model: Model, norm: str, pace: Pace, field: Field, aims: Tensor, steps: int
) -> Nearest:
    """Run from the images to the likeliest of ``aims`` (n, k); the winners continue in rounds."""
    moves, rounds = schedule(pace, steps, min(pace.field[0][0], aims.shape[1]))
    begun, own = side_by_side(model, norm, pace, field, field.x, aims, moves, 0)
    return in_rounds(model, norm, pace, field, begun, own, aims, rounds)


def _places(points: Tensor, x: Tensor) -> Tensor:
    if points.shape != x.shape:
        raise UsageError(
            f"starting_points are {tuple(points.shape)}, x is {tuple(x.shape)}",
            "give one point for every sample, x itself where none is known",
            code="E203",
        )
    return points.to(x).clamp(0, 1)
