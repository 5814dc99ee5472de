"""Shared code of minimum-norm attacks: the nearest adversarial example of several runs."""

from collections.abc import Callable, Sequence
from itertools import count
from typing import NamedTuple

import torch
from torch import Tensor

from advkit.attacks.walks import margins_along, radii
from advkit.engine import NORMS, Norm, Objective, Point, Rule, ascend, best_of, rows
from advkit.engine.objectives import all_stand


class Nearest(NamedTuple):
    """The nearest fooling point of every sample and its distance (n,).

    If none was found it is the image itself, at distance infinity.
    """

    x: Tensor
    distance: Tensor


def enough(eps: float | Tensor | None, x: Tensor) -> Tensor:
    """Return the distance (n,) at which a sample is finished: ``eps``, or 0.

    It is finite, as a sample that nothing has fooled is at infinity.
    """
    return radii(0.0 if eps is None else eps, x).clamp_max(torch.finfo(x.dtype).max)


def within(found: Nearest, x: Tensor, eps: float | Tensor | None) -> Tensor:
    """Return the points found, or the image itself if the point is further than ``eps``."""
    limit = torch.full_like(found.distance, torch.inf) if eps is None else radii(eps, x)
    return torch.where(rows(found.distance <= limit, x), found.x, x)


def linear_reach(point: Point, norm: Norm) -> Tensor:
    """Return at which additional distance the linearised value is zero, (n,); < 0: nearer."""
    return (-point.value / norm.dual(point.gradient).clamp_min(1e-12)).nan_to_num(0.0)


def linear_distance(point: Point, norm: str) -> tuple[Tensor, Tensor]:
    """Return the distance to the zero of the linearised value, and its slope, (n,) each.

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
    """Run `ascend` and keep the fooling iterate nearest to ``x`` of each sample.

    A sample leaves at the first iterate that fools at a distance of ``stop`` (n,) or less.
    """

    def closeness(some: Sequence[Point]) -> Tensor:
        fooled = margins_along(some, y, targets) > 0
        here = some[0].x if len(some) == 1 else torch.cat([point.x for point in some])
        centre = some[0].of(x)
        away = (here.view(len(some), *centre.shape) - centre).flatten(0, 1)
        size = NORMS[norm].size(away).view_as(fooled)
        return torch.where(fooled, -size, -torch.inf)

    looks, ends_early = count(), bool((stop > 0).any())

    def near(point: Point) -> Tensor | None:
        if next(looks) and not ends_early:  # only the image itself is at distance 0
            return None
        goal = None if targets is None else point.of(targets)
        if all_stand(point.output, point.of(y), goal):
            return None
        return -closeness([point])[0] <= point.of(stop)

    walk = ascend(objective, start, rule, steps, near)
    found, top = best_of(walk, closeness)
    return Nearest(torch.where(rows(top.isinf(), x), x, found), -top)


def nearest_of(
    walk: Callable[[Tensor, int], Nearest],
    x: Tensor,
    walks: int,
    stop: Tensor,
    begun: Nearest | None = None,
) -> Nearest:
    """Run ``walk(index, number)`` for each number on the samples not yet within ``stop`` (n,).

    Returns the nearest point over all runs, including ``begun``.
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
