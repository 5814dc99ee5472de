"""Shared code of attacks: radii, random starts, the best point of a run, restarts."""

from collections.abc import Callable, Sequence
from itertools import islice
from typing import NamedTuple

import torch
from torch import Tensor

from advkit.engine import NORMS, Objective, Point, Rule, ascend, best_of, evaluate, rows
from advkit.engine.batch_invariant import power
from advkit.engine.objectives import Model, all_stand, margins
from advkit.engine.seeding import normal, uniform


class Found(NamedTuple):
    """The best point of every sample and its margin (n,); fooled if and only if > 0."""

    x: Tensor
    margin: Tensor


def radii(eps: float | Tensor, x: Tensor) -> Tensor:
    """Return one radius per sample, (n,), in the type and on the device of ``x``."""
    return torch.as_tensor(eps, dtype=x.dtype, device=x.device).expand(len(x)).clone()


def margins_of(model: Model, x: Tensor, y: Tensor, targets: Tensor | None = None) -> Tensor:
    """Return the margins at ``x`` (n,); 1 or -1 for a model that returns labels (n,) only."""

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
    """Return a random point of the ball around ``x``, or of its surface, clipped to the box.

    Within the ball the point is uniform; in L1 its L1 size is uniform.
    """
    shape, geometry = x.shape[1:], NORMS[norm]
    cube = norm == "Linf"
    d = 2 * uniform(keys, shape, stream) - 1 if cube else normal(keys, shape, stream)
    if surface or not cube:
        d = d / rows(geometry.size(d), d)
    if not (cube or surface):
        share = 1 / x[0].numel() if norm == "L2" else 1.0
        d = d * rows(power(uniform(keys, (1,), stream + (1 << 20)).squeeze(1), share), d)
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
    """Run `ascend` and keep the point of highest margin of each sample.

    With ``leave`` a sample stops at its first fooling point, to save passes. Without ``see_last``
    the last point is not evaluated, so that another run can follow. The last point of each sample
    is written into ``ends`` (n, ...). Points for which ``counts`` (n,) is false are not results.
    """

    def over(some: Sequence[Point]) -> Tensor:
        if ends is not None:
            ends[some[-1].which] = some[-1].x
        reached = margins_along(some, y, targets)
        if counts is None:
            return reached
        return torch.where(torch.stack([counts(point) for point in some]), reached, -torch.inf)

    def fooled(point: Point) -> Tensor | None:
        goal = None if targets is None else point.of(targets)
        return None if all_stand(point.output, point.of(y), goal) else over([point])[0] > 0

    walk = ascend(objective, start, rule, steps, fooled if leave else None)
    return Found(*best_of(walk if see_last else islice(walk, steps), over))


def margins_along(some: Sequence[Point], y: Tensor, targets: Tensor | None = None) -> Tensor:
    """Return the margins at k points of the same n samples, (k, n)."""
    first, k = some[0], len(some)
    goal = None if targets is None else first.of(targets).repeat(k)
    output = first.output if k == 1 else torch.cat([point.output for point in some])
    return margins(output, first.of(y).repeat(k), goal).view(k, -1)


def repeated(
    walk: Callable[[Tensor, int], Found], x: Tensor, restarts: int, begun: Found | None = None
) -> Found:
    """Run ``walk(index, restart)`` again on the samples that no run has fooled yet.

    Returns the point of highest margin over all runs, including ``begun``; ``x`` if none was
    evaluated.
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
