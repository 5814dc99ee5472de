"""CW: Adam on distance plus margin, with a search for the weight between them."""

from collections.abc import Sequence
from typing import Literal

from torch import Tensor

from advkit.attacks.minimum import Nearest, enough, linear_distance, nearest_point, within
from advkit.attacks.polish import into_smaller_balls
from advkit.attacks.search_over_c import penalised, search_over_c
from advkit.engine import evaluate
from advkit.engine.objectives import Model, margin
from advkit.engine.rules import adam, box
from advkit.engine.rules import within as within_box


def cw(
    model: Model,
    x: Tensor,
    y: Tensor,
    *,
    eps: float | Tensor | None = None,
    norm: Literal["L2"] = "L2",
    targets: Tensor | None = None,
    seed: int = 0,
    ids: Sequence[str] | None = None,
    steps: int = 100,
    searches: int = 9,
    step: float = 1.0,
    c: float = 1.0,
    confidence: float = 0.0,
    polish: int = 8,
) -> Tensor:
    """Return the nearest fooling point of ``searches`` walks (Carlini and Wagner 2017).

    A walk follows Adam down the squared distance plus ``c`` times how far the margin is under
    ``confidence``; ``c`` is sought per sample, by factors of ten, then by halving its logarithm.
    Unlike in the paper it is in the image itself and clipped to the box: tanh, by which the paper
    keeps to it, has hardly a slope at its walls, where many pixels are. The first ``c`` is in units
    of that which would be right were the model linear, and ``step`` in units of the linear distance
    to the boundary over the root of the number of entries: no scale of logits or distances matters.
    Where something fools, ``polish`` forward passes more bisect the way to it.

    Knows: gradients
    Cost: 1 + searches * (steps + 1) forward, 1 + searches * steps backward
    Use: comparison with older work; a penalty instead of a ball is another view of a model.
    Fails: at few steps: `ddn`, `fmn` and `race` need a tenth of them.
    Paper: Carlini and Wagner 2017, arXiv:1608.04644
    """
    if not len(x):
        return x
    stop = enough(eps, x)
    distance, slope = linear_distance(evaluate(margin(model, y, targets), x), norm)
    length = step * distance / x[0].numel() ** 0.5

    def walk(index: Tensor, weight: Tensor) -> Nearest:
        t0 = None if targets is None else targets[index]
        x0, y0 = x[index], y[index]
        objective = penalised(model, x0, y0, t0, weight, confidence)
        rule = within_box(adam(length[index]), box())
        return nearest_point(objective, x0, rule, steps, x0, y0, t0, norm, stop[index])

    found = search_over_c(walk, x, stop, first=2 * c * distance / slope, rounds=searches)
    return within(into_smaller_balls(model, x, y, targets, found, norm, stop, polish), x, eps)
