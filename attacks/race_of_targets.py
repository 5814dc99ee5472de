"""Race: walks to several classes at once; those that lag behind leave."""

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
    """Return the nearest fooling point that walks to several classes met (of this project).

    Each walk climbs the difference of the logits of its class and of ``y``, along a running sum of
    gradients. In Linf and L2 it stays in a ball around ``x`` and the box, whose radius follows
    Newton: it is the distance at which the linearised margin vanishes, but moves only by a share at
    a time. In L1 each move is a linear program: the point nearest to ``x``, no entry further than
    ``stride`` from where the walk is, at which the linearised margin vanishes, or at first is over
    zero by a third of what it lacks at ``x``. Walks set out to the likeliest classes; those whose
    estimated distance is not among the least leave, stage by stage. All count as ``steps``.

    In Linf up to nine walks set out from ``x`` and one round is run. In L2 and L1 what matters is
    where a walk comes from: up to three (L1: five) leap away, by up to a quarter of the box along
    the signs of the gradient, and come back as near as they can. One walk then repeats rounds, as
    long as there are steps: it leaps away from the nearest place so far, with a random choice of
    entries, and comes back. In L1 every third such round goes to another class.

    Any misclassification counts; with ``targets`` that class alone does, and walks climb its logit
    minus the best other. A step is ``stride`` radii long at first, and in L1 moves no entry by more
    than that (0: 0.5 in Linf, 1.2 in L2, 0.2 in L1).

    Where ``starting_points`` (n, ...) fool, one walk goes on from there instead, in rounds as
    above. With ``eps`` it leaves early where it lacks more than the steps left make good as a rule.

    Raises UsageError for ``starting_points`` of another shape than ``x``.

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
    pace = PACES[norm]._replace(stride=stride or PACES[norm].stride)
    order = likeliest(clean.output, y) if targets is None else targets[:, None]
    field = Field(x, y, clean.output, targets, stop, stream)
    points = x
    if starting_points is not None:
        points, steps = _places(starting_points, x), steps - 1  # one pass is a look at these
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
    """Set out from the images to the likeliest of ``aims`` (n, k); the winners go on in rounds."""
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
