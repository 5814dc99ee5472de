"""Final shortening of minimum-norm perturbations by forward passes."""

from collections.abc import Callable

import torch
from torch import Tensor

from advkit.attacks.bisection import bisect, line_search
from advkit.attacks.minimum import Nearest
from advkit.engine import NORMS, evaluate, rows
from advkit.engine.objectives import Model, margin


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
    """Return the fooling points after ``steps`` bisections of the line to them from ``x``.

    Only points further than ``stop`` (n,) are shortened; samples without a point cost nothing.
    """

    def along(left: Tensor) -> Tensor:
        goal = None if targets is None else targets[left]
        return line_search(model, x[left], y[left], found.x[left], targets=goal, steps=steps)

    return _with_nearer(found, x, norm, stop, steps, along)


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
    """Return the fooling points after ``steps`` bisections of the radius of the ball around ``x``.

    As `polished`, but along projections onto balls instead of a line: in L1 and L0 small entries
    vanish first.
    """
    geometry = NORMS[norm]

    def inwards(left: Tensor) -> Tensor:
        x0, far, most = x[left], found.x[left], found.distance[left]
        objective = margin(model, y[left], *(() if targets is None else (targets[left],)))

        def fooled(radius: Tensor) -> Tensor:
            tried = geometry.confine(far, x0, radius)
            return evaluate(objective, tried, gradient=False).value > 0

        radius = bisect(fooled, torch.zeros_like(most), most, steps)[1]
        return torch.where(rows(radius < most, x0), geometry.confine(far, x0, radius), far)

    return _with_nearer(found, x, norm, stop, steps, inwards)


def _with_nearer(
    found: Nearest,
    x: Tensor,
    norm: str,
    stop: Tensor,
    steps: int,
    nearer: Callable[[Tensor], Tensor],
) -> Nearest:
    """Replace the points ``left`` found beyond ``stop`` by ``nearer(left)``."""
    left = (found.distance.isfinite() & (found.distance > stop)).nonzero().squeeze(1)
    if not steps or not len(left):
        return found
    points = nearer(left)
    size = NORMS[norm].size(points - x[left]).to(found.distance.dtype)
    return Nearest(found.x.index_put((left,), points), found.distance.index_put((left,), size))
