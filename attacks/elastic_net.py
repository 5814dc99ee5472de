"""EAD: elastic net; proximal steps on L1 plus squared L2 plus margin."""

from collections.abc import Sequence
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from advkit.attacks.minimum import Nearest, enough, linear_distance, nearest_point, within
from advkit.attacks.polish import into_smaller_balls
from advkit.attacks.proximal import PROXIMAL
from advkit.attacks.search_over_c import penalised, search_over_c
from advkit.engine import Point, Rule, evaluate
from advkit.engine.objectives import Model, margin


def ead(
    model: Model,
    x: Tensor,
    y: Tensor,
    *,
    eps: float | Tensor | None = None,
    norm: Literal["L1"] = "L1",
    targets: Tensor | None = None,
    seed: int = 0,
    ids: Sequence[str] | None = None,
    steps: int = 100,
    searches: int = 9,
    step: float = 0.1,
    beta: float = 1.0,
    c: float = 1.0,
    confidence: float = 0.0,
    polish: int = 8,
) -> Tensor:
    """Return the adversarial example of least L1 size of ``searches`` runs (Chen et al. 2018).

    A run minimises the squared L2 distance plus ``beta`` times the L1 size plus ``c`` times how far
    the margin is below ``confidence``, by accelerated gradient steps (FISTA, Beck and Teboulle
    2009), each followed by soft thresholding at ``beta`` times the step and by clipping to the box.
    The step falls as a square root from ``step`` to zero. ``c`` is searched per sample, by factors
    of ten, then by bisection of its logarithm; its first value is in units of the one that would be
    right if the model were linear. ``beta`` is larger than in the paper, because only the L1 size
    counts here (on linear models a larger value gets nearer, on nets it does not). If an
    adversarial example was found, ``polish`` additional forward passes bisect the radius of an L1
    ball that it is projected onto.

    Knows: gradients
    Cost: 1 + searches * (steps + 1) forward, 1 + searches * steps backward
    Use: comparison with older work in L1.
    Fails: with few steps: `pdpgd` needs a fraction of them.
    Paper: Chen et al. 2018, arXiv:1709.04114
    """
    if not len(x):
        return x
    stop = enough(eps, x)
    distance, slope = linear_distance(evaluate(margin(model, y, targets), x), norm)
    first = c * (beta + 2 * distance) / slope

    def walk(index: Tensor, weight: Tensor) -> Nearest:
        t0 = None if targets is None else targets[index]
        x0, y0 = x[index], y[index]
        objective = penalised(model, x0, y0, t0, weight, confidence)
        rule = _accelerated(x0, steps, step, beta)
        return nearest_point(objective, x0, rule, steps, x0, y0, t0, norm, stop[index])

    found = search_over_c(walk, x, stop, first=first, rounds=searches)
    found = into_smaller_balls(model, x, y, targets, found, norm, stop, polish)
    return within(found, x, eps)


class _State(NamedTuple):
    moves: int
    x: Tensor
    last: Tensor  # the iterate itself; the gradient is taken ahead of it


def _accelerated(x: Tensor, steps: int, step: float, beta: float) -> Rule:
    def update(point: Point, s: _State) -> tuple[Tensor, _State]:
        length = step * (1 - s.moves / steps) ** 0.5
        ahead = point.x - s.x + length * point.gradient
        weight = ahead.new_full((len(ahead),), length * beta)
        here = (s.x + PROXIMAL["L1"](ahead, weight, torch.ones_like(ahead))).clamp(0, 1)
        pull = s.moves / (s.moves + 3)
        new = (here + pull * (here - s.last)).clamp(0, 1)
        return new, s._replace(moves=s.moves + 1, last=here)

    return Rule(lambda start: _State(0, x, start), update)
