"""The margin weighted by c plus the distance, and the search for c, per sample."""

from collections.abc import Callable

import torch
from torch import Tensor

from advkit.attacks.minimum import Nearest
from advkit.engine import Objective
from advkit.engine.objectives import Model, margins

FACTOR = 10.0  # factor of c until both a weight that fools and one that does not are known


def search_over_c(
    walk: Callable[[Tensor, Tensor], Nearest],
    x: Tensor,
    stop: Tensor,
    *,
    first: Tensor,
    rounds: int,
) -> Nearest:
    """Run ``walk(index, c)`` ``rounds`` times, starting with ``first`` (Carlini and Wagner 2017).

    ``c`` (m,) decreases after a run that fooled and increases after one that did not, then is
    bisected in its logarithm. Returns the nearest points of all runs; a sample leaves once it is
    within ``stop`` (n,).
    """
    c = first.to(stop.dtype)
    low, high = torch.zeros_like(c), torch.full_like(c, torch.inf)
    found, distance = x.clone(), torch.full_like(c, torch.inf)
    for _ in range(rounds):
        left = (~(distance <= stop)).nonzero().squeeze(1)
        if not len(left):
            break
        run = walk(left, c[left])
        nearer = run.distance < distance[left]
        found[left[nearer]], distance[left[nearer]] = run.x[nearer], run.distance[nearer]
        fooled = run.distance.isfinite()
        high[left] = torch.where(fooled, c[left], high[left])
        low[left] = torch.where(fooled, low[left], c[left])
        between = torch.where(low == 0, high / FACTOR, (low * high).sqrt())
        c = torch.where(high.isinf(), low * FACTOR, between)
    return Nearest(found, distance)


def penalised(
    model: Model,
    x: Tensor,
    y: Tensor,
    targets: Tensor | None,
    weight: Tensor,
    confidence: float,
    squared: bool = True,
) -> Objective:
    """Return minus the squared distance, minus ``weight`` (n,) times the shortfall of the margin.

    The shortfall is relative to ``confidence``. The distance is included only if ``squared``.
    """

    def value(
        image: Tensor, x: Tensor, weight: Tensor, y: Tensor, *targets: Tensor
    ) -> tuple[Tensor, Tensor]:
        logits = model(image)
        short = (confidence - margins(logits, y, *targets)).clamp_min(0)
        cost = weight * short
        if squared:
            cost = cost + (image - x).flatten(1).square().sum(1)
        return -cost, logits

    return Objective(value, (x, weight, y) if targets is None else (x, weight, y, targets))
