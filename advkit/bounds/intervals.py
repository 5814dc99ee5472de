"""Bounds for the value of every step, by intervals and by CROWN before activations.

Intervals as in Gowal et al. 2018. Only the unstable inputs of activations are tightened by a
backward pass; the bounds of a layer are used for the next.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from advkit.bounds.affine import Affine
from advkit.bounds.curves import ROUNDING, Curve, Lines
from advkit.bounds.linear_relaxation import Look, lower
from advkit.bounds.max_pooling import Highest, Peaks, peaks
from advkit.bounds.memory import chunks, padded, widest
from advkit.bounds.patches import neurons
from advkit.bounds.regions import Region
from advkit.bounds.tracing import Graph, Step


class Walls(NamedTuple):
    """Lower and upper bounds of the value of one step, (n, *shape)."""

    low: Tensor
    high: Tensor


class Bounds(NamedTuple):
    """The bounds of every step, and the lines of every activation."""

    walls: dict[int, Walls]
    lines: dict[int, Lines | Peaks]


def bounds_of(
    graph: Graph,
    region: Region,
    *,
    tight: bool = True,
    look: Look = lambda _place, _a: None,
) -> Bounds:
    """Return bounds for every step over ``region``; by intervals only unless ``tight``.

    ``look`` is called with the coefficients of every backward pass, as in
    `linear_relaxation.lower`.
    """
    found, bent = Bounds({0: Walls(region.low, region.high)}, {}), before_curves(graph)
    for place, step in enumerate(graph[1:], 1):
        walls = _interval(step, [found.walls[i] for i in step.inputs])
        if isinstance(step.rule, Curve | Highest):
            found.lines[place] = lines_of(step, found.walls[step.inputs[0]])
        if tight and place in bent and (found.lines or region.radius is not None):
            walls = _drawn_in(graph, place, walls, found, region, look)
        found.walls[place] = walls
    return found


def before_curves(graph: Graph) -> set[int]:
    """Return the steps whose bounds are worth a backward pass: inputs of activations.

    For the output of an activation a backward pass is no tighter than for its input.
    """
    bent = {step.inputs[0] for step in graph if isinstance(step.rule, Curve | Highest)}
    return bent - {place for place, step in enumerate(graph) if isinstance(step.rule, Curve)}


def lines_of(step: Step, walls: Walls) -> Lines | Peaks:
    """Return the lines of an activation whose input lies between the bounds ``walls``."""
    if isinstance(step.rule, Highest):
        return peaks(step.rule, *walls)
    assert isinstance(step.rule, Curve)  # noqa: S101
    return step.rule.lines(*walls)


def _interval(step: Step, inputs: list[Walls]) -> Walls:
    rule = step.rule
    if isinstance(rule, Affine):
        return _affine(rule, inputs)
    assert rule is not None  # noqa: S101
    ((low, high),) = inputs
    if isinstance(rule, Highest):
        return Walls(rule.apply(low), rule.apply(high))
    low, high = rule.function(low), rule.function(high)
    room = 0.0 if rule.bend is not None else ROUNDING
    return Walls(low - room, high + room)


def _affine(rule: Affine, inputs: list[Walls]) -> Walls:
    middle = [(low + high) / 2 for low, high in inputs]
    reach = [
        (high - low) / 2 * (1 + ROUNDING) + ROUNDING * m.abs()
        for (low, high), m in zip(inputs, middle, strict=True)
    ]
    n = len(middle[0])
    value = rule.apply(*map(padded, middle))[:n]
    spread = rule.spread(*map(padded, reach))[:n]
    if rule.bias is not None:
        spread = spread + ROUNDING * rule.bias.abs()
    return Walls(value - spread, value + spread)


def _drawn_in(
    graph: Graph, place: int, walls: Walls, found: Bounds, region: Region, look: Look
) -> Walls:
    """Return ``walls`` with the entries tightened for which the activation is unstable."""
    shape, bends = graph[place].shape, _only_rectified(graph, place)
    width = widest(graph, place)
    low, high = walls.low.flatten(1).clone(), walls.high.flatten(1).clone()
    # The bound nearer to 0 first: beyond it the activation is linear, and the other is not needed.
    nearer = torch.where(-low <= high, 1.0, -1.0).to(low)
    for turn in (nearer, -nearer):
        open_ = (low < 0) & (high > 0) if bends else high > low
        who, spots = open_.nonzero(as_tuple=True)
        for part in chunks(len(who), width):
            at, sign = (who[part], spots[part]), turn[who[part], spots[part]]
            rows = neurons(padded(spots[part]), padded(sign), shape)
            bound = lower(graph, place, rows, padded(who[part]), found.lines, region, look=look)
            bound = sign * bound[: len(sign)]
            low[at] = torch.where(sign > 0, torch.maximum(low[at], bound), low[at])
            high[at] = torch.where(sign < 0, torch.minimum(high[at], bound), high[at])
    return Walls(low.reshape(-1, *shape), high.reshape(-1, *shape))


def _only_rectified(graph: Graph, place: int) -> bool:
    uses = [step.rule for step in graph if place in step.inputs]
    return all(isinstance(rule, Curve) and rule.bend is not None for rule in uses)
