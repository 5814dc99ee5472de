"""PDPGD: steps on the margin, proximal steps on the norm, and a dual weight between them."""

import math
from collections.abc import Sequence
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from advkit.attacks.minimum import enough, nearest_point, within
from advkit.attacks.polish import into_smaller_balls
from advkit.attacks.proximal import PROXIMAL
from advkit.engine import NORMS, Point, Rule, rows
from advkit.engine.batch_invariant import sigmoid
from advkit.engine.objectives import Model, margin
from advkit.engine.rules import Moments

LEAST = 1e-4  # initial weight of the norm, relative to what would balance the first gradient


def pdpgd(
    model: Model,
    x: Tensor,
    y: Tensor,
    *,
    eps: float | Tensor | None = None,
    norm: Literal["L1", "L2", "Linf", "L0"] = "L1",
    targets: Tensor | None = None,
    seed: int = 0,
    ids: Sequence[str] | None = None,
    steps: int = 400,
    step: float = 0.1,
    dual_step: float = 0.1,
    polish: int = 8,
) -> Tensor:
    """Return the nearest adversarial example of ``steps`` + 1 iterates (Matyasko and Chau 2021).

    Each step follows Adam on the softplus of the margin, then applies the proximal operator of the
    norm in Adam's metric, and clips to the box. The weight of the norm is dual: its logarithm rises
    by ``dual_step`` if the last point fooled and falls if not; an average of it is used. Both steps
    fall, ``step`` to a hundredth, ``dual_step`` to a tenth. Unlike in the paper the margin is in
    units of a quarter of its size at ``x`` and the first weight in units of the one that would
    balance the first gradient, so that neither depends on the scale of the logits. The first weight
    is a ten-thousandth, so that the iterates first go far beyond the boundary and return to it at a
    nearer place (with few ``steps`` it is larger, so that a third of them can raise it). L1 and L0,
    which are separable, use their exact proximal step. If an adversarial example was found,
    ``polish`` additional forward passes bisect the radius of a ball that it is projected onto.

    Knows: gradients
    Cost: steps + 1 forward, steps backward
    Use: the smallest distances in L1; a second opinion in the other norms.
    Fails: with few steps: the weight needs some tens to settle.
    Paper: Matyasko and Chau 2021, arXiv:2106.01538
    """
    if not len(x):
        return x
    stop = enough(eps, x)
    rule = _primal_dual(norm, x, steps, step, dual_step)
    objective = margin(model, y, targets)
    found = nearest_point(objective, x, rule, steps, x, y, targets, norm, stop)
    found = into_smaller_balls(model, x, y, targets, found, norm, stop, polish)
    return within(found, x, eps)


class _State(NamedTuple):
    x: Tensor
    unit: Tensor  # unit of the margin
    moments: Moments
    weight: Tensor  # logarithm of the weight of the norm
    mean: Tensor  # average of the weight


def _primal_dual(norm: str, x: Tensor, steps: int, step: float, dual_step: float) -> Rule:
    first = max(LEAST, math.exp(-dual_step * steps / 3))

    def init(start: Tensor) -> _State:
        one = torch.ones_like(start.flatten(1)[:, 0])
        return _State(x, one, Moments.none(start), one, one)

    def update(point: Point, s: _State) -> tuple[Tensor, _State]:
        s = s if s.moments.number else _balance(point, s, norm, first)
        gone = (s.moments.number + 1) / steps
        climb = sigmoid((-point.value / s.unit).nan_to_num(0.0)) / s.unit
        moments = s.moments.add(rows(climb, x) * point.gradient)
        metric = moments.spread
        length = step * 0.01**gone
        ahead = point.x - s.x + length * moments.mean / moments.bias / metric
        new = (s.x + PROXIMAL[norm](ahead, length * s.mean, metric)).clamp(0, 1)
        turn = dual_step * (1 - 0.9 * gone)
        weight = s.weight + torch.where(point.value > 0, turn, -turn)
        mean = 0.9 * s.mean + 0.1 * weight.exp()
        return new, s._replace(moments=moments, weight=weight, mean=mean)

    return Rule(init, update)


def _balance(point: Point, s: _State, norm: str, share: float) -> _State:
    unit = (point.value.abs() / 4).nan_to_num(1.0).clamp_min(1e-6)
    first = (share * NORMS[norm].dual(point.gradient) / unit / 2).clamp_min(1e-12)
    return s._replace(unit=unit, weight=first.log(), mean=first)
