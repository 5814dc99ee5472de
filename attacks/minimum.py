"""What minimum-norm attacks share: the nearest fooling point of a walk, and of several walks."""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from advkit.attacks.walks import radii
from advkit.engine import NORMS, Norm, Objective, Point, Rule, ascend, best, rows
from advkit.engine.objectives import margins


class Nearest(NamedTuple):
    """The nearest fooling point of every sample and its distance (n,).

    Where none was found it is the image itself, at distance infinity.
    """

    x: Tensor
    distance: Tensor


def enough(eps: float | Tensor | None, x: Tensor) -> Tensor:
    """Return the distance (n,) at which a sample need not be brought nearer: ``eps``, or 0."""
    return radii(0.0 if eps is None else eps, x)


def within(found: Nearest, x: Tensor, eps: float | Tensor | None) -> Tensor:
    """Return the points found, and the image itself where the point is further than ``eps``."""
    limit = torch.full_like(found.distance, torch.inf) if eps is None else radii(eps, x)
    return torch.where(rows(found.distance <= limit, x), found.x, x)


def linear_reach(point: Point, norm: Norm) -> Tensor:
    """Return how much further the linearised value of ``point`` vanishes, (n,); < 0: nearer."""
    return (-point.value / norm.dual(point.gradient).clamp_min(1e-12)).nan_to_num(0.0)


def linear_distance(point: Point, norm: str) -> tuple[Tensor, Tensor]:
    """Return how far from ``point`` its linearised value vanishes, and its slope, (n,) each.

    The slope is the dual norm of the gradient. Both are above zero; an unknown distance is 1.
    """
    slope = NORMS[norm].dual(point.gradient).clamp_min(1e-12)
    return (point.value.abs() / slope).nan_to_num(1.0, 1.0).clamp_min(1e-12), slope


def nearest_point(
    objective: Objective,
    start: Tensor,
    rule: Rule,
    steps: int,
    x: Tensor,
    y: Tensor,
    targets: Tensor | None,
    norm: str,
    stop: Tensor,
) -> Nearest:
    """Walk by `ascend` and keep the fooling point nearest to ``x``, sample by sample.

    A sample leaves at the first point that fools at a distance of ``stop`` (n,) or less.
    """
    seen: list[tuple[Point, Tensor]] = []

    def distances(point: Point) -> Tensor:
        # Asked twice about every point, by the walk and by the fold: computed once.
        if not seen or seen[0][0] is not point:
            goal = None if targets is None else point.of(targets)
            fooled = margins(point.output, point.of(y), goal) > 0
            size = NORMS[norm].size(point.x - point.of(x))
            seen[:] = [(point, torch.where(fooled, size, torch.inf))]
        return seen[0][1]

    walk = ascend(objective, start, rule, steps, lambda p: distances(p) <= p.of(stop))
    found, top = best(walk, lambda point: -distances(point))
    return Nearest(torch.where(rows(top.isinf(), x), x, found), -top)


def nearest_of(
    walk: Callable[[Tensor, int], Nearest],
    x: Tensor,
    walks: int,
    stop: Tensor,
    begun: Nearest | None = None,
) -> Nearest:
    """Run ``walk(index, number)`` for each number on the samples not yet within ``stop`` (n,).

    Returns the nearest point over all walks, those of ``begun`` included.
    """
    if begun is None:
        begun = Nearest(x, torch.full((len(x),), torch.inf, dtype=x.dtype, device=x.device))
    found, distance = begun.x.clone(), begun.distance.clone()
    for number in range(walks):
        left = (~(distance <= stop)).nonzero().squeeze(1)
        if not len(left):
            break
        run = walk(left, number)
        better = (run.distance < distance[left]).nonzero().squeeze(1)
        winners = left[better]
        found[winners] = run.x[better]
        distance[winners] = run.distance[better].to(distance.dtype)
    return Nearest(found, distance)
