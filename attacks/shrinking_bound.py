"""Adam within a bound that shrinks as long as the attack succeeds (Carlini and Wagner 2018)."""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from advkit.engine import Point, Rule, rows
from advkit.engine.rules import Moments


class State(NamedTuple):
    """The bound of every sample (n,), how far it reaches per entry, and the moments of Adam."""

    bound: Tensor
    moments: Moments


def shrinking(
    bound: Tensor,
    succeeded: Callable[[Point], Tensor],
    *,
    rate: float = 0.1,
    shrink: float = 0.8,
) -> Rule:
    """Return the rule that moves by ``rate`` of the bound and stays in [-bound, bound].

    ``bound`` (n,) is where it starts. Where ``succeeded(point)`` (n,), the next bound is ``shrink``
    times the largest entry of the point: what is found later is smaller.
    """

    def init(z: Tensor) -> State:
        return State(bound, Moments.none(z))

    def update(point: Point, state: State) -> tuple[Tensor, State]:
        now = point.x.abs().flatten(1).amax(1)
        least = torch.where(succeeded(point), shrink * torch.minimum(now, state.bound), state.bound)
        moments = state.moments.add(point.gradient)
        move = moments.mean / moments.bias / moments.spread
        wall = rows(least, point.x)
        ahead = point.x + rate * wall * move
        return torch.maximum(torch.minimum(ahead, wall), -wall), State(least, moments)

    return Rule(init, update)


def smallest_success(points: object, succeeded: Callable[[Point], Tensor]) -> tuple[Tensor, Tensor]:
    """Return per sample the successful point whose largest entry is smallest, and that entry.

    Zero and infinity where there is none.
    """
    from advkit.engine import best

    def score(point: Point) -> Tensor:
        largest = point.x.abs().flatten(1).amax(1)
        return torch.where(succeeded(point), -largest, -torch.inf)

    found, top = best(points, score)  # type: ignore[arg-type]
    return torch.where(rows(top.isinf(), found), torch.zeros_like(found), found), -top
