"""PDGD: Adam on the L2 size and the margin, weighted by a dual variable."""

import math
from collections.abc import Sequence
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from advkit.attacks.minimum import enough, linear_distance, nearest_point, within
from advkit.attacks.polish import polished
from advkit.engine import NORMS, Point, Rule, rows
from advkit.engine.batch_invariant import sigmoid
from advkit.engine.objectives import Model, margin
from advkit.engine.rules import Moments

LEAST = 1e-3  # initial ratio of the weights of size and margin
MOST = 1e6  # limit of the ratio of the weights, in both directions


def pdgd(
    model: Model,
    x: Tensor,
    y: Tensor,
    *,
    eps: float | Tensor | None = None,
    norm: Literal["L2"] = "L2",
    targets: Tensor | None = None,
    seed: int = 0,
    ids: Sequence[str] | None = None,
    steps: int = 400,
    step: float = 2.0,
    dual_step: float = 0.1,
    polish: int = 8,
) -> Tensor:
    """Return the nearest adversarial example of ``steps`` + 1 iterates (Matyasko and Chau 2021).

    Each step follows Adam to minimise the L2 size times one weight plus the softplus of the margin
    times another; the weights add up to one. The logarithm of their ratio rises by ``dual_step`` if
    the last point did not fool and falls if it did, and an average of the weights is used. ``step``
    falls to a hundredth and ``dual_step`` to a tenth. Unlike in the paper the margin is in units of
    a quarter of its size at ``x``, distances in units of the linear distance to the boundary, and
    ``step`` in units of this over the root of the number of entries: no scale matters. The first
    ratio is a thousandth, so that the iterates first go far beyond the boundary and return to it at
    a nearer place (with few ``steps`` the ratio is larger, so that a quarter of them can raise it).
    If an adversarial example was found, ``polish`` additional forward passes bisect the line to it.

    Knows: gradients
    Cost: steps + 1 forward, steps backward
    Use: a second opinion on distances in L2.
    Fails: with few steps: the weight needs some tens to settle.
    Paper: Matyasko and Chau 2021, arXiv:2106.01538
    """
    if not len(x):
        return x
    stop = enough(eps, x)
    rule = _primal_dual(x, steps, step, dual_step)
    found = nearest_point(margin(model, y, targets), x, rule, steps, x, y, targets, norm, stop)
    return within(polished(model, x, y, targets, found, norm, stop, polish), x, eps)


class _State(NamedTuple):
    x: Tensor
    unit: Tensor  # unit of the margin
    reach: Tensor  # linear distance to the boundary
    moments: Moments
    ratio: Tensor  # logarithm of the weight of the margin over that of the size
    mean: Tensor  # average of the weight of the size


def _primal_dual(x: Tensor, steps: int, step: float, dual_step: float) -> Rule:
    top, first = math.log(MOST), min(-math.log(LEAST), dual_step * steps / 4)

    def init(start: Tensor) -> _State:
        one = torch.ones_like(start.flatten(1)[:, 0])
        return _State(x, one, one, Moments.none(start), first * one, sigmoid(-first * one))

    def update(point: Point, s: _State) -> tuple[Tensor, _State]:
        s = s if s.moments.number else _measure(point, s)
        gone, far = (s.moments.number + 1) / steps, point.x - s.x
        climb = s.reach * sigmoid((-point.value / s.unit).nan_to_num(0.0)) / s.unit
        size = rows(NORMS["L2"].size(far).clamp_min(1e-12), far)
        mean = rows(s.mean, far)
        down = mean * far / size - (1 - mean) * rows(climb, far) * point.gradient
        moments = s.moments.add(down)
        length = step * 0.01**gone / x[0].numel() ** 0.5
        move = rows(length * s.reach, far) * moments.mean / moments.bias / moments.spread
        turn = dual_step * (1 - 0.9 * gone)
        ratio = (s.ratio + torch.where(point.value > 0, -turn, turn)).clamp(-top, top)
        mean_now = 0.9 * s.mean + 0.1 * sigmoid(-ratio)
        new = (point.x - move).clamp(0, 1)
        return new, s._replace(moments=moments, ratio=ratio, mean=mean_now)

    return Rule(init, update)


def _measure(point: Point, s: _State) -> _State:
    """Set the units of the margin and of distances from the first gradient."""
    over, entries = point.value.abs(), point.x[0].numel()
    reach, _ = linear_distance(point, "L2")
    unit = (over / 4).nan_to_num(1.0).clamp_min(1e-6)
    return s._replace(unit=unit, reach=reach.clamp(1e-6, entries**0.5))
