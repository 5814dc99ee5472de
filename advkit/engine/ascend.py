"""Gradient ascent: a generator of points, update rules, and folds over the points."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from typing import Any, NamedTuple, TypeVar

import torch
from torch import Tensor

from advkit.engine.gradient import Objective, Point, evaluate
from advkit.engine.norms import Norm, rows

T = TypeVar("T")

HELD = (32, 1 << 18)
"""Points of a run, and numbers in them, that are evaluated together. On small inputs a call costs
more than its computation; on large ones the first point would leave the cache."""

_GONE = torch.empty(0)


class Rule(NamedTuple):
    """An update rule: two pure functions and the state that passes between them.

    The state consists of tensors with one row per sample, plain numbers shared by all samples, and
    tuples of these, so that `take` can select rows.
    """

    init: Callable[[Tensor], Any]
    update: Callable[[Point, Any], tuple[Tensor, Any]]


def take(tree: T, index: Tensor) -> T:
    """Select the rows ``index`` of every tensor in nested (named) tuples."""
    return _take(tree, index)  # type: ignore[no-any-return]


def _take(tree: Any, index: Tensor) -> Any:
    if isinstance(tree, Tensor):
        return tree[index] if tree.ndim else tree
    if isinstance(tree, tuple):
        items = [_take(item, index) for item in tree]
        return type(tree)(*items) if hasattr(tree, "_fields") else type(tree)(items)
    return tree


def ascend(
    objective: Objective,
    x: Tensor,
    rule: Rule,
    steps: int,
    done: Callable[[Point], Tensor | None] | None = None,
) -> Iterator[Point]:
    """Yield the start and the point after each of ``steps`` updates; the last has no gradient.

    Samples for which ``done(point)`` (n,) is true leave the batch after they were yielded, together
    with their state; `Point.which` gives the remaining samples. None means that no sample is done.
    """
    state = rule.init(x)
    index = torch.arange(len(x), device=x.device)
    for step in range(steps + 1):
        point = evaluate(objective, x, step < steps, index)
        yield point
        if step == steps:
            return
        if done is not None:
            away = done(point)
            if away is not None and bool(away.any()):
                keep = (~away).nonzero().squeeze(1)
                if not len(keep):
                    return
                objective, state, point = take((objective, state, point), keep)
                index = point.which
        x, state = rule.update(point, state)


def climb(
    objective_at: Callable[[int], Objective], x: Tensor, rule: Rule, steps: int
) -> Iterator[Point]:
    """Run as `ascend` does, with another objective at every step.

    For example the same objective of a randomly transformed image. The last point has a gradient
    too.
    """
    state = rule.init(x)
    for step in range(steps + 1):
        point = evaluate(objective_at(step), x)
        yield point
        if step < steps:
            x, state = rule.update(point, state)


def last(points: Iterable[Point]) -> Tensor:
    """Return the final position of every sample."""
    walk = iter(points)
    x = next(walk).x.clone()
    for point in walk:
        x[point.which] = point.x
    return x


def best(points: Iterable[Point], score: Callable[[Point], Tensor]) -> tuple[Tensor, Tensor]:
    """Return per sample the iterate with the highest score, and that score (n,).

    Ties keep the earlier iterate; a score of NaN never wins.
    """
    return best_of(points, lambda some: torch.stack([score(point) for point in some]))


def best_of(
    points: Iterable[Point], scores: Callable[[Sequence[Point]], Tensor]
) -> tuple[Tensor, Tensor]:
    """Return the result of `best`, for ``scores`` (k, n) of k points of the same n samples at once.

    These points have no gradients, to save memory.
    """
    walk = _together(points)
    start = next(walk)
    x = start[0].x.clone()
    top = torch.full((len(x),), -torch.inf, dtype=x.dtype, device=x.device)
    for some in chain([start], walk):
        new, at = scores(some).nan_to_num(-torch.inf, torch.inf, -torch.inf).max(0)
        better = (new > some[0].of(top)).nonzero().squeeze(1)
        if len(better):
            winners = some[0].which[better]
            x[winners], top[winners] = _at(some, at, better), new[better].to(top.dtype)
    return x, top


def _at(some: Sequence[Point], at: Tensor, rows: Tensor) -> Tensor:
    """Return, for the samples ``rows`` (m,), the positions in the points given by ``at`` (n,)."""
    if len(some) == 1:
        return some[0].x[rows]
    return torch.stack([point.x for point in some])[at[rows], rows]


def _together(points: Iterable[Point]) -> Iterator[list[Point]]:
    """Yield the points of a run in lists with the same samples, without gradients."""
    some: list[Point] = []
    most = 0
    for x, value, output, _, which in points:
        if some and (len(some) >= most or some[0].which.shape[0] != which.shape[0]):
            yield some
            some = []
        if not some:
            most = min(HELD[0], HELD[1] // max(x.numel(), 1))
        some.append(Point(x, value, output, _GONE, which))
    if some:
        yield some


def nearest(
    points: Iterable[Point], x: Tensor, norm: Norm, fooled: Callable[[Point], Tensor]
) -> tuple[Tensor, Tensor]:
    """Return the fooling iterate nearest to ``x``, and its distance (n,).

    A sample that was never fooled gets ``x`` itself and infinity.
    """

    def closeness(point: Point) -> Tensor:
        size = norm.size(point.x - point.of(x))
        return torch.where(fooled(point), -size, -torch.inf)

    found, top = best(points, closeness)
    return torch.where(rows(top.isinf(), x), x, found), -top
