"""The last stretch of a minimum-norm attack: forward passes along the way it has found."""

import torch
from torch import Tensor

from advkit.attacks.bisection import bisect, line_search
from advkit.attacks.minimum import Nearest
from advkit.engine import NORMS, evaluate, rows
from advkit.engine.objectives import Model, margin, margins


def polished(
    model: Model,
    x: Tensor,
    y: Tensor,
    targets: Tensor | None,
    found: Nearest,
    norm: str,
    stop: Tensor,
    steps: int,
) -> Nearest:
    """Return the fooling points after ``steps`` bisections of the way to them from ``x``.

    Only points further than ``stop`` (n,) are brought nearer; what was not found costs nothing.
    """
    left = (found.distance.isfinite() & (found.distance > stop)).nonzero().squeeze(1)
    if not steps or not len(left):
        return found
    goal = None if targets is None else targets[left]
    nearer = line_search(model, x[left], y[left], found.x[left], targets=goal, steps=steps)
    size = NORMS[norm].size(nearer - x[left])
    return Nearest(
        found.x.index_put((left,), nearer),
        found.distance.index_put((left,), size.to(found.distance.dtype)),
    )


def into_smaller_balls(
    model: Model,
    x: Tensor,
    y: Tensor,
    targets: Tensor | None,
    found: Nearest,
    norm: str,
    stop: Tensor,
    steps: int,
) -> Nearest:
    """Return the fooling points after ``steps`` bisections of the radius that they are put into.

    As `polished`, but along the nearest points of balls around ``x`` instead of a line: in L1 and
    L0 small entries vanish first.
    """
    left = (found.distance.isfinite() & (found.distance > stop)).nonzero().squeeze(1)
    if not steps or not len(left):
        return found
    geometry, x0, far = NORMS[norm], x[left], found.x[left]
    goal = None if targets is None else targets[left]

    def fooled(radius: Tensor) -> Tensor:
        tried = geometry.confine(far, x0, radius)
        logits = evaluate(margin(model, y[left]), tried, gradient=False).output
        return margins(logits, y[left], goal) > 0

    most = found.distance[left]
    radius = bisect(fooled, torch.zeros_like(most), most, steps)[1]
    nearer = torch.where(rows(radius < most, x0), geometry.confine(far, x0, radius), far)
    size = geometry.size(nearer - x0).to(most.dtype)
    return Nearest(found.x.index_put((left,), nearer), found.distance.index_put((left,), size))
