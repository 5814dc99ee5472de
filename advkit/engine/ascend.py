"""Gradient ascent: a generator of points, rules for the next point, and folds over the points."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from typing import Any, NamedTuple, TypeVar

import torch
from torch import Tensor

from advkit.engine.gradient import Objective, Point, evaluate
from advkit.engine.norms import Norm, rows

T = TypeVar("T")

HELD = (32, 1 << 18)
"""How many points of a walk, and numbers in them, are kept to be judged together. On small inputs a
call costs more than what it computes; on large ones the first point would leave the cache."""

_GONE = torch.empty(0)


class Rule(NamedTuple):
    """Where to go next: two pure functions and the state that passes between them.

    The state is made of tensors with one row per sample, of plain numbers shared by all samples,
    and of tuples of these, so that `take` can narrow it.
    """

    init: Callable[[Tensor], Any]
    update: Callable[[Point, Any], tuple[Tensor, Any]]


def take(tree: T, index: Tensor) -> T:
    """Keep the rows ``index`` of every tensor in a nest of (named) tuples."""
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
    """Yield the start and the point after each of ``steps`` moves; the last has no gradient.

    Samples for which ``done(point)`` (n,) is true leave the batch after they were yielded, and
    their state goes with them; `Point.which` tells which samples are left. None means nobody.
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
    """Walk as `ascend` does, by an objective that is another one at every step.

    Such as the same one of an image that is moved a little each time. The last point has a
    gradient too.
    """
    state = rule.init(x)
    for step in range(steps + 1):
        point = evaluate(objective_at(step), x)
        yield point
        if step < steps:
            x, state = rule.update(point, state)


def last(points: Iterable[Point]) -> Tensor:
    """Return where every sample ended."""
    walk = iter(points)
    x = next(walk).x.clone()
    for point in walk:
        x[point.which] = point.x
    return x


def best(points: Iterable[Point], score: Callable[[Point], Tensor]) -> tuple[Tensor, Tensor]:
    """Return per sample the visited place with the highest score, and that score (n,).

    Ties keep the earlier place; a score of NaN never wins.
    """
    return best_of(points, lambda some: torch.stack([score(point) for point in some]))


def best_of(
    points: Iterable[Point], scores: Callable[[Sequence[Point]], Tensor]
) -> tuple[Tensor, Tensor]:
    """Return what `best` does, for ``scores`` (k, n) of k points of the same n samples at once.

    These points come without their gradients, which nobody should keep for so long.
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
    """Return of the samples ``rows`` (m,) the places in the points that ``at`` (n,) tells."""
    if len(some) == 1:
        return some[0].x[rows]
    return torch.stack([point.x for point in some])[at[rows], rows]


def _together(points: Iterable[Point]) -> Iterator[list[Point]]:
    """Yield the points of a walk in lists of the same samples, without their gradients."""
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
    """Return of the fooling points visited the one nearest to ``x``, and its distance (n,).

    A sample that was never fooled gets ``x`` itself and infinity.
    """

    def closeness(point: Point) -> Tensor:
        size = norm.size(point.x - point.of(x))
        return torch.where(fooled(point), -size, -torch.inf)

    found, top = best(points, closeness)
    return torch.where(rows(top.isinf(), x), x, found), -top
