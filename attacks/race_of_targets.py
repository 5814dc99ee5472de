"""Race: walks to several classes at once; those that lag behind leave."""

from collections.abc import Sequence
from functools import partial
from typing import Literal

import torch
from torch import Tensor

from advkit.attacks.minimum import Nearest, enough, within
from advkit.attacks.race_course import LONG, PACES, Pace, course
from advkit.attacks.race_onwards import from_points
from advkit.attacks.race_walks import Field, classes_at, side_by_side
from advkit.attacks.sparse_turns import in_turns
from advkit.engine import evaluate, take
from advkit.engine.objectives import Model, likeliest, margin
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
    where a walk comes from: it leaps away, by a quarter of the box along the signs of the gradient,
    and comes back as near as it can. Up to five classes are aimed at so. The walk that is left then
    repeats rounds, as long as there are steps: it leaps away from the nearest place so far, with
    a random choice of entries (in L1 from the first round on), and comes back. In L1 from 150
    steps on a walk sets out in between from the point of few entries that `thinning` finds, and at
    last the ball is shrunk by bisection.

    Any misclassification counts; with ``targets`` it alone does. A step is ``stride`` radii long at
    first, and in L1 moves no entry by more than that (0: 0.5 in Linf, 1.2 in L2, 0.2 in L1).

    Where ``starting_points`` (n, ...) fool, one walk goes on from there instead, in rounds as
    above. With ``eps`` it leaves early where it lacks more than the steps left make good as a rule.

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
    aims, field = order[:, : pace.aims], Field(x, y, clean.output, targets, stop, stream)
    points = x
    if starting_points is not None:
        points, steps = starting_points, steps - 1  # one pass is a look at these
    known = classes_at(model, field, points)
    left = (~fooled & (known < 0)).nonzero().squeeze(1)
    if len(left):
        part = take(field, left)
        found[left], distance[left] = _from_image(model, norm, pace, part, aims[left], steps)
    on = (~fooled & (known >= 0)).nonzero().squeeze(1)
    if len(on):
        part, begun = take(field, on), points[on]
        found[on], distance[on] = from_points(model, norm, pace, part, begun, known[on], steps)
    return within(Nearest(found, distance), x, eps)


def _from_image(
    model: Model, norm: str, pace: Pace, field: Field, aims: Tensor, steps: int
) -> Nearest:
    run = partial(side_by_side, model, norm, pace)
    if norm == "L1" and steps >= LONG:
        return in_turns(model, field, aims, run, pace, steps)
    return run(field, field.x, aims, course(pace, steps, aims.shape[1]))
