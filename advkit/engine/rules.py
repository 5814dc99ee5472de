"""Update rules: (init, update) pairs that compose; state is passed in and returned."""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor

from advkit.engine.ascend import Rule
from advkit.engine.gradient import Point
from advkit.engine.norms import NORMS, Norm, rows, walls

DECAY = (0.9, 0.999)  # of the two running means of Adam


def cosine(done: float, of: float) -> float:
    """Return the factor of a step after ``done`` steps: a cosine from 1 down to 0 at ``of``."""
    return (1 + math.cos(math.pi * done / of)) / 2


class Constraint(NamedTuple):
    """A set to stay in: ``nearest(x, *fixed)`` is the projection of ``x`` onto it."""

    nearest: Callable[..., Tensor]
    fixed: tuple[Tensor, ...] = ()


def steepest(direction: Callable[[Tensor], Tensor], step: Tensor) -> Rule:
    """Move by ``step`` (n,) along ``direction(gradient)``, such as `Norm.steepest`."""

    def update(point: Point, step: Tensor) -> tuple[Tensor, Tensor]:
        return torch.addcmul(point.x, step, direction(point.gradient)), step

    return Rule(lambda x: rows(step, x), update)


def annealed(direction: Callable[[Tensor], Tensor], step: Tensor, moves: int) -> Rule:
    """Move by ``step`` (n,) along ``direction(gradient)``, annealed by a cosine to 0."""

    def update(point: Point, state: tuple[int, Tensor]) -> tuple[Tensor, tuple[int, Tensor]]:
        done, step = state
        ahead = point.x + cosine(done, moves) * step * direction(point.gradient)
        return ahead, (done + 1, step)

    return Rule(lambda x: (0, rows(step, x)), update)


def momentum(rule: Rule, decay: float, size: Callable[[Tensor], Tensor]) -> Rule:
    """Apply ``rule`` to a running sum of normalised gradients (Dong et al. 2018)."""

    def init(x: Tensor) -> tuple[Tensor, Any]:
        return torch.zeros_like(x), rule.init(x)

    def update(point: Point, state: tuple[Tensor, Any]) -> tuple[Tensor, tuple[Tensor, Any]]:
        velocity, inner = state
        velocity = gathered(velocity, point.gradient, decay, size)
        x, inner = rule.update(point._replace(gradient=velocity), inner)
        return x, (velocity, inner)

    return Rule(init, update)


def gathered(
    velocity: Tensor, gradient: Tensor, decay: float, size: Callable[[Tensor], Tensor]
) -> Tensor:
    """Return a running sum of normalised gradients with one more added, (n, ...)."""
    length = size(gradient).clamp_min(torch.finfo(velocity.dtype).tiny)
    return decay * velocity + gradient / rows(length, velocity)


class Moments(NamedTuple):
    """The running means of Adam (Kingma and Ba 2015): of gradients, and of their squares.

    A step goes along ``mean`` / ``bias`` / ``spread``.
    """

    number: int
    mean: Tensor
    square: Tensor

    @classmethod
    def none(cls, x: Tensor) -> "Moments":
        """Return the means before the first gradient, for samples like ``x`` (n, ...)."""
        return cls(0, torch.zeros_like(x), torch.zeros_like(x))

    def add(self, gradient: Tensor) -> "Moments":
        """Return the means with one more gradient (n, ...)."""
        a, b = DECAY
        mean = a * self.mean + (1 - a) * gradient
        return Moments(self.number + 1, mean, b * self.square + (1 - b) * gradient.square())

    @property
    def bias(self) -> float:
        """The bias correction of ``mean`` after this many gradients."""
        return 1 - DECAY[0] ** self.number

    @property
    def spread(self) -> Tensor:
        """The root of the mean square, (n, ...), above zero."""
        return (self.square / (1 - DECAY[1] ** self.number)).sqrt() + 1e-8


def adam(rate: float | Tensor) -> Rule:
    """Ascend by Adam (Kingma and Ba 2015) with bias correction; ``rate`` may be one per sample."""
    rates = rate if isinstance(rate, Tensor) else torch.tensor(rate)

    def init(x: Tensor) -> tuple[Tensor, Moments]:
        return rates.to(x).expand(len(x)), Moments.none(x)

    def update(
        point: Point, state: tuple[Tensor, Moments]
    ) -> tuple[Tensor, tuple[Tensor, Moments]]:
        rate, moments = state
        moments = moments.add(point.gradient)
        move = moments.mean / moments.bias / moments.spread
        return point.x + rows(rate, move) * move, (rate, moments)

    return Rule(init, update)


def within(rule: Rule, *constraints: Constraint) -> Rule:
    """Project every point that ``rule`` proposes onto each of ``constraints``, in order."""

    def init(x: Tensor) -> tuple[Any, tuple[Constraint, ...]]:
        return rule.init(x), constraints

    def update(
        point: Point, state: tuple[Any, tuple[Constraint, ...]]
    ) -> tuple[Tensor, tuple[Any, tuple[Constraint, ...]]]:
        inner, sets = state
        x, inner = rule.update(point, inner)
        for constraint in sets:
            x = constraint.nearest(x, *constraint.fixed)
        return x, (inner, sets)

    return Rule(init, update)


def ball(norm: Norm, centre: Tensor, radius: Tensor) -> Constraint:
    """Return the ball of ``radius`` (n,) around ``centre`` intersected with the box [0, 1]."""
    if norm is NORMS["Linf"]:  # itself a box, whose bounds are computed only once
        return Constraint(torch.clamp, walls(centre, radius))
    return Constraint(norm.confine, (centre, radius))


def box() -> Constraint:
    """Return the box [0, 1]."""
    return Constraint(lambda x: x.clamp(0, 1))
