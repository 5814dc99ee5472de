"""What attacks share: radii, random starts, the best point of a walk, restarts on survivors."""

from collections.abc import Callable
from itertools import islice
from typing import NamedTuple

import torch
from torch import Tensor

from advkit.engine import NORMS, Objective, Point, Rule, ascend, best, evaluate, rows
from advkit.engine.objectives import Model, margins
from advkit.engine.seeding import normal, uniform


class Found(NamedTuple):
    """The best point of every sample and its margin (n,); fooled if and only if > 0."""

    x: Tensor
    margin: Tensor


def radii(eps: float | Tensor, x: Tensor) -> Tensor:
    """Return one radius per sample, (n,), in the type and on the device of ``x``."""
    return torch.as_tensor(eps, dtype=x.dtype, device=x.device).expand(len(x)).clone()


def margins_of(model: Model, x: Tensor, y: Tensor, targets: Tensor | None = None) -> Tensor:
    """Return the margins at ``x`` (n,); 1 or -1 for a model that gives labels (n,) alone."""

    def value(x: Tensor, y: Tensor, *goal: Tensor) -> tuple[Tensor, Tensor]:
        output = model(x)
        if output.ndim > 1:
            return margins(output, y, *goal), output
        reached = output == goal[0] if goal else output != y
        return torch.where(reached, 1.0, -1.0).to(x.dtype), output

    if not len(x):
        return x.new_zeros(0)
    fixed = (y,) if targets is None else (y, targets)
    return evaluate(Objective(value, fixed), x, gradient=False).value


def random_start(
    norm: str, keys: Tensor, x: Tensor, radius: Tensor, *, stream: int, surface: bool
) -> Tensor:
    """Return a random point of the ball around ``x``, or of its surface, brought into the box.

    Within the ball the point is uniform, but for L1, where its L1 size is.
    """
    shape, geometry = x.shape[1:], NORMS[norm]
    cube = norm == "Linf"
    d = 2 * uniform(keys, shape, stream) - 1 if cube else normal(keys, shape, stream)
    if surface or not cube:
        d = d / rows(geometry.size(d), d)
    if not (cube or surface):
        power = 1 / x[0].numel() if norm == "L2" else 1.0
        d = d * rows(uniform(keys, (1,), stream + (1 << 20)).squeeze(1) ** power, d)
    return geometry.confine(x + rows(radius, x) * d.to(x.dtype), x, radius)


def strongest_point(
    objective: Objective,
    start: Tensor,
    rule: Rule,
    steps: int,
    y: Tensor,
    targets: Tensor | None,
    *,
    leave: bool = True,
    see_last: bool = True,
    ends: Tensor | None = None,
    counts: Callable[[Point], Tensor] | None = None,
) -> Found:
    """Walk by `ascend` and keep the point of highest margin, sample by sample.

    With ``leave`` a sample stops at the first point that fools: it is not paid for again. Without
    ``see_last`` the model is not asked about the last move, so that another walk can follow. Where
    each sample's walk ended is written into ``ends`` (n, ...). Points where ``counts`` (n,) is
    false are only passed through.
    """
    seen: list[tuple[Point, Tensor]] = []

    def margins_at(point: Point) -> Tensor:
        # Asked twice about every point, by the walk and by the fold: computed once.
        if not seen or seen[0][0] is not point:
            if ends is not None:
                ends[point.which] = point.x
            goal = None if targets is None else point.of(targets)
            over = margins(point.output, point.of(y), goal)
            over = over if counts is None else torch.where(counts(point), over, -torch.inf)
            seen[:] = [(point, over)]
        return seen[0][1]

    done = (lambda point: margins_at(point) > 0) if leave else None
    walk = ascend(objective, start, rule, steps, done)
    return Found(*best(walk if see_last else islice(walk, steps), margins_at))


def repeated(
    walk: Callable[[Tensor, int], Found], x: Tensor, restarts: int, begun: Found | None = None
) -> Found:
    """Run ``walk(index, restart)`` again on the samples that no run has fooled yet.

    Returns the point of highest margin over all runs, those of ``begun`` included; ``x`` where
    none was evaluated.
    """
    low = torch.full((len(x),), -torch.inf, dtype=x.dtype, device=x.device)
    found, top = (x.clone(), low) if begun is None else (begun.x.clone(), begun.margin.clone())
    for restart in range(restarts):
        left = (~(top > 0)).nonzero().squeeze(1)
        if not len(left):
            break
        run = walk(left, restart)
        better = (run.margin > top[left]).nonzero().squeeze(1)
        winners = left[better]
        found[winners], top[winners] = run.x[better], run.margin[better].to(top.dtype)
    return Found(found, top)
