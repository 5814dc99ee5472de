"""Gradients estimated from scores at antithetic pairs of probes, and ascent along them."""

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from advkit.attacks.walks import Found
from advkit.engine import Objective, Point, Rule, evaluate, rows, take
from advkit.engine.objectives import margins
from advkit.engine.rules import Constraint

Draw = Callable[[Tensor, Sequence[int], int], Tensor]
"""(keys, shape, stream) -> directions (n, *shape) whose entries have mean 0 and variance 1."""


class Probing(NamedTuple):
    """How a gradient is estimated: ``pairs`` of probes at ``sigma`` (n,) times a direction."""

    draw: Draw
    sigma: Tensor
    pairs: int


class Estimate(NamedTuple):
    """Sums over pairs of probes, with one row per sample."""

    slope: Tensor
    passed: Tensor
    asked: Tensor

    @classmethod
    def none(cls, x: Tensor) -> "Estimate":
        """Return the sums before the first pair, for samples like ``x`` (n, ...)."""
        return cls(*torch.zeros(3, *x.shape, dtype=x.dtype, device=x.device))

    def add(self, way: Tensor, up: Tensor, down: Tensor, rise: Tensor) -> "Estimate":
        """Add a pair between which the value rises by ``rise`` (n,), from ``down`` to ``up``.

        The probes were meant to be ``way`` above and below the point, but may be clipped to the
        box.
        """
        slope = self.slope + rows(rise.nan_to_num(0.0, 0.0, 0.0), way) * way
        return Estimate(slope, self.passed + (up - down).abs(), self.asked + 2 * way.abs())

    def gradient(self, sigma: Tensor, pairs: int) -> Tensor:
        """Return mean(rise * way) / (2 sigma^2), where nothing is clipped.

        An entry is divided by the share of its probes that is not clipped: at the edge of the box
        it is probed on one side only, and would be half as large.
        """
        mean = self.slope / rows(2 * max(pairs, 1) * sigma.square(), self.slope)
        return torch.where(self.passed > 0, mean * self.asked / self.passed, 0.0)


class _Climb(NamedTuple):
    point: Point
    objective: Objective
    goal: tuple[Tensor, ...]
    region: Constraint
    stream: Tensor
    state: Any
    best: Found
    sigma: Tensor
    estimate: Estimate


def climb(
    objective: Objective,
    x: Tensor,
    y: Tensor,
    targets: Tensor | None,
    rule: Rule,
    region: Constraint,
    stream: Tensor,
    probing: Probing,
    queries: int,
) -> Found:
    """Apply ``rule`` to estimated gradients within ``region``; keep the point of highest margin.

    Every step queries its pairs of probes and the point that it leads to, until ``queries`` are
    used; the last step may have fewer pairs. Probes stay in ``region`` too, and count as points. A
    sample leaves at its first fooling point.
    """
    goal = (y,) if targets is None else (y, targets)
    found = Found(x.clone(), torch.full((len(x),), -torch.inf, dtype=x.dtype, device=x.device))
    point = evaluate(objective, x, gradient=False)
    state = rule.init(x)
    c = _Climb(
        point, objective, goal, region, stream, state, found, probing.sigma, Estimate.none(x)
    )
    c, left, drawn = _without_fooled(_judged(c, x, point.output), found), queries - 1, 0
    while left and len(c.stream):
        pairs = min(probing.pairs, (left - 1) // 2)
        c = c._replace(estimate=Estimate.none(c.point.x))
        for _ in range(pairs):
            c, drawn = _without_fooled(_probed(c, probing.draw, drawn), found), drawn + 1
        c = _without_fooled(_moved(c, rule, c.estimate.gradient(c.sigma, pairs)), found)
        left -= 2 * pairs + 1
    found.x[c.point.which], found.margin[c.point.which] = c.best
    return found


def _probed(c: _Climb, draw: Draw, drawn: int) -> _Climb:
    x = c.point.x
    way = rows(c.sigma, x) * draw(c.stream, x.shape[1:], drawn).to(x.dtype)
    up, down = (c.region.nearest(x + side * way, *c.region.fixed) for side in (1, -1))
    both = c.objective._replace(fixed=tuple(torch.cat([each, each]) for each in c.objective.fixed))
    seen = evaluate(both, torch.cat([up, down]), gradient=False)
    rise = seen.value[: len(x)] - seen.value[len(x) :]
    c = c._replace(estimate=c.estimate.add(way, up, down, rise))
    return _judged(_judged(c, up, seen.output[: len(x)]), down, seen.output[len(x) :])


def _moved(c: _Climb, rule: Rule, gradient: Tensor) -> _Climb:
    x, state = rule.update(c.point._replace(gradient=gradient), c.state)
    x = c.region.nearest(x, *c.region.fixed)
    point = evaluate(c.objective, x, gradient=False, which=c.point.which)
    return _judged(c._replace(point=point, state=state), x, point.output)


def _judged(c: _Climb, x: Tensor, logits: Tensor) -> _Climb:
    margin = margins(logits, *c.goal)
    better = margin > c.best.margin
    best = torch.where(rows(better, x), x, c.best.x), torch.where(better, margin, c.best.margin)
    return c._replace(best=Found(*best))


def _without_fooled(c: _Climb, found: Found) -> _Climb:
    left = (~(c.best.margin > 0)).nonzero().squeeze(1)
    if len(left) == len(c.stream):
        return c
    found.x[c.point.which], found.margin[c.point.which] = c.best
    return take(c, left)


def entrywise(size: Tensor, x: Tensor, norm: str) -> Tensor:
    """Return the change per entry, (n,), of an equal change of all of ``size`` (n,)."""
    return size if norm == "Linf" else size / math.sqrt(x[0].numel())
