"""CROWN: backpropagation with every activation replaced by lines (Zhang et al. 2018).

The coefficients of a row mean: (the neuron) >= sum(a * value) + constant. A backward step
substitutes for the value: an affine operator its own formula; an activation its lower line where
the coefficient is positive and its upper line where it is negative. At the input the minimum over
the region is exact.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import torch
from torch import Tensor

from advkit.bounds.affine import Affine
from advkit.bounds.curves import ROUNDING, Curve, Lines
from advkit.bounds.max_pooling import Highest, Peaks, back
from advkit.bounds.patches import Rows, added, firm, moved, seen, view, whole
from advkit.bounds.regions import Region, least
from advkit.bounds.tracing import Graph, Step

Relaxation = Mapping[int, Lines | Peaks]
"""Lines of every sample, by the index of an activation or max pooling in the graph."""


class Choice(NamedTuple):
    """Replacement for the usual lines of a rectifier in a backward pass, all (m, *shape).

    push: is added to the coefficients of the activation's input, the multiplier of a constraint on
    it (Wang et al. 2021).
    """

    low_slope: Tensor
    up_slope: Tensor
    up_shift: Tensor
    push: Tensor | None = None


class _Sums(NamedTuple):
    """The constants accumulated so far, and the sizes of their terms."""

    constant: Tensor
    size: Tensor

    def add(self, constant: Tensor) -> "_Sums":
        return _Sums(self.constant + constant, self.size + constant.abs())


Choose = Callable[[int], Choice | None]
Look = Callable[[int, Tensor], None]


def lower(
    graph: Graph,
    start: int,
    rows: Rows,
    who: Tensor,
    known: Relaxation,
    region: Region,
    choose: Choose = lambda _place: None,
    look: Look = lambda _place, _a: None,
) -> Tensor:
    """Return a lower bound (m,) of sum(a * value of step ``start``) for every row.

    ``who`` (m,) is the sample of ``region`` and ``known`` for each row. ``choose`` returns the free
    slopes at an activation, None for the usual ones; ``look`` is called with the coefficients (m,
    *shape) of every activation's output. Loosened by `ROUNDING`.
    """
    waiting = {start: rows}
    sums = _Sums(*torch.zeros(2, len(who), dtype=rows.a.dtype, device=rows.a.device))
    for place in range(start, 0, -1):
        if place not in waiting:
            continue
        step, here = graph[place], waiting.pop(place)
        if isinstance(step.rule, Affine):
            parts, sums = _through(graph, step, here, sums)
        elif isinstance(step.rule, Curve):
            look(place, here.a)
            before, sums = _bent(step.rule, known[place], here, who, sums, choose(place))
            parts = (before,)
        else:
            parts, sums = _pooled(step, known[place], here, who, sums)
        for source, part in zip(step.inputs, parts, strict=True):
            shape = graph[source].shape
            waiting[source] = added(waiting[source], part, shape) if source in waiting else part
    return _at_input(region, who, waiting[0], sums)


def _through(graph: Graph, step: Step, rows: Rows, sums: _Sums) -> tuple[tuple[Rows, ...], _Sums]:
    rule = step.rule
    assert isinstance(rule, Affine)  # noqa: S101
    windowed = rows.corner is not None and rule.window is not None
    rows = firm(rows, step.shape) if windowed else Rows(whole(rows, step.shape))
    if rule.bias is not None:
        sums = sums.add(_times_bias(rows.a, rule.bias))
    if windowed and rule.window is not None:
        return tuple(moved(rows, rule.window, graph[i].shape) for i in step.inputs), sums
    return tuple(map(Rows, rule.back(rows.a))), sums


def _times_bias(a: Tensor, bias: Tensor) -> Tensor:
    per_channel = bias.ndim > 1 and bias.shape[-2:] == (1, 1) and a.ndim == 4
    if per_channel:
        return a.sum((2, 3)) @ bias.reshape(-1).expand(a.shape[1])
    return (a * bias).flatten(1).sum(1)


def _bent(
    curve: Curve,
    lines: Lines | Peaks,
    rows: Rows,
    who: Tensor,
    sums: _Sums,
    choice: Choice | None,
) -> tuple[Rows, _Sums]:
    assert isinstance(lines, Lines)  # noqa: S101
    a = rows.a
    mine: Lines | Choice = lines
    if choice is not None:
        mine, who = choice, torch.arange(len(a), device=a.device)
    at = view(who, rows)
    before = torch.where(a > 0, seen(mine.low_slope, at), seen(mine.up_slope, at)) * a
    shift = a.clamp_max(0) * seen(mine.up_shift, at)
    if curve.bend is None:
        shift = shift + a.clamp_min(0) * seen(lines.low_shift, at)
    if choice is not None and choice.push is not None:
        before = before + seen(choice.push, at)
    return Rows(before, rows.corner), sums.add(shift.flatten(1).sum(1))


def _pooled(
    step: Step, found: Lines | Peaks, rows: Rows, who: Tensor, sums: _Sums
) -> tuple[tuple[Rows, ...], _Sums]:
    assert isinstance(found, Peaks)  # noqa: S101
    assert isinstance(step.rule, Highest)  # noqa: S101
    before, constant = back(step.rule, found, who, rows)
    return (before,), sums.add(constant)


def _at_input(region: Region, who: Tensor, rows: Rows, sums: _Sums) -> Tensor:
    at = view(who, rows)
    low, high = seen(region.low, at), seen(region.high, at)
    here = Region(region.norm, low, high, low)
    if region.radius is not None:
        rows = firm(rows, region.low.shape[1:])
        here = Region(region.norm, low, high, seen(region.centre, at), region.radius[who])
    value, size = least(here, rows.a)
    return value + sums.constant - ROUNDING * (size + sums.size)
