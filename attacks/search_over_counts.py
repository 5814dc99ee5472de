"""The fewest entries with which a run still fools: a search, per sample."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from advkit.attacks.minimum import Nearest
from advkit.attacks.sparse_units import gains
from advkit.engine import NORMS, Point, Rule


def search_over_counts(
    walk: Callable[[Tensor, Tensor, Tensor, int], Nearest], x: Tensor, stop: Tensor, rounds: int
) -> Nearest:
    """Run ``walk(index, start, count, number)`` for up to ``rounds`` numbers.

    It starts from the nearest points so far and may move ``count`` (m,) entries: all until
    something fools, then the middle, in the logarithm, between the most that were too few and the
    fewest that fooled. A sample leaves once it is within ``stop`` (n,), or nothing is between.
    """
    most = x[0].numel()
    few, many = torch.zeros_like(stop), torch.full_like(stop, most + 1)
    found, distance = x.clone(), torch.full_like(stop, torch.inf)
    for number in range(rounds):
        left = ((distance > stop) & (many - few > 1)).nonzero().squeeze(1)
        if not len(left):
            break
        count = (few.clamp_min(1) * many).sqrt().floor().clamp(few + 1, many - 1)
        count = torch.where(distance.isinf(), most, count)[left]
        run = walk(left, found[left], count, number)
        fooled = run.distance <= count  # the start point may have moved more
        found[left[fooled]], distance[left[fooled]] = run.x[fooled], run.distance[fooled]
        many[left[fooled]] = run.distance[fooled]
        short = ~fooled & (count < most)
        few[left[short]] = count[short]
    return Nearest(found, distance)


def of_few_entries(rule: Rule, x: Tensor, count: Tensor) -> Rule:
    """Restrict ``rule`` to changes of ``count`` (n,) entries of ``x``; the others are reset.

    They are those that would raise the value most at a bound of the box, by the gradient at the
    start of the run.
    """

    def init(start: Tensor) -> tuple[Any, ...]:
        return 0, rule.init(start), x, count, torch.zeros_like(x, dtype=torch.bool)

    def update(point: Point, state: tuple[Any, ...]) -> tuple[Tensor, tuple[Any, ...]]:
        moves, inner, x, count, free = state
        if not moves:
            gain = gains(point.gradient, x).flatten(1)
            free = (NORMS["L0"].project(gain, count) > 0).view_as(x)
        ahead, inner = rule.update(point, inner)
        return torch.where(free, ahead, x), (moves + 1, inner, x, count, free)

    return Rule(init, update)
