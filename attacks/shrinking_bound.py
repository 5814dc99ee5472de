"""Adam within a bound that shrinks whenever the attack succeeds (Carlini and Wagner 2018)."""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from advkit.engine import Point, Rule, rows
from advkit.engine.rules import Moments


class State(NamedTuple):
    """The bound of every sample, and the moments of Adam."""

    bound: Tensor
    moments: Moments


def shrinking(
    bound: Tensor,
    succeeded: Callable[[Point], Tensor],
    *,
    rate: float = 0.1,
    shrink: float = 0.8,
) -> Rule:
    """Return the rule that steps by ``rate`` of the bound and stays in [-bound, bound].

    ``bound`` (n,) is the initial bound. If ``succeeded(point)`` (n,), the next bound is ``shrink``
    times the largest entry of the point, so that later results are smaller.
    """

    def init(z: Tensor) -> State:
        return State(bound, Moments.none(z))

    def update(point: Point, state: State) -> tuple[Tensor, State]:
        least = torch.minimum(largest(point), state.bound)
        now = torch.where(succeeded(point), shrink * least, state.bound)
        moments = state.moments.add(point.gradient)
        move = moments.mean / moments.bias / moments.spread
        wall = rows(now, point.x)
        ahead = point.x + rate * wall * move
        return torch.maximum(torch.minimum(ahead, wall), -wall), State(now, moments)

    return Rule(init, update)


def largest(point: Point) -> Tensor:
    """Return the largest entry of every sample, (n,)."""
    return point.x.abs().flatten(1).amax(1)
