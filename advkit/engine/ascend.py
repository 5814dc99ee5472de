"""Walk uphill: a generator of points, rules that say where to go next, and folds over the walk."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple, TypeVar

import torch
from torch import Tensor

from advkit.engine.gradient import Objective, Point, evaluate
from advkit.engine.norms import Norm, rows

T = TypeVar("T")


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
    done: Callable[[Point], Tensor] | None = None,
) -> Iterator[Point]:
    """Yield the start and the point after each of ``steps`` moves; the last has no gradient.

    Samples for which ``done(point)`` (n,) is true leave the batch after they were yielded, and
    their state goes with them; `Point.which` tells which samples are left.
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
            if bool(away.any()):
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
    walk = iter(points)
    first = next(walk)
    x, top = first.x.clone(), score(first).nan_to_num(-torch.inf, torch.inf, -torch.inf)
    for point in walk:
        new = score(point)
        better = new > point.of(top)
        if len(better) == len(x):
            x = torch.where(rows(better, x), point.x, x)
            top = torch.where(better, new, top)
        elif bool(better.any()):
            winners = point.which[better]
            x[winners], top[winners] = point.x[better], new[better]
    return x, top


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
