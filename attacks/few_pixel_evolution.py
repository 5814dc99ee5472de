"""One pixel: differential evolution over positions and colours, by scores only."""

from collections.abc import Sequence
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from advkit.attacks.sparse_units import by_place
from advkit.attacks.walks import radii
from advkit.engine import evaluate, take
from advkit.engine.objectives import Model, margin
from advkit.engine.seeding import keys, normal, uniform

ROWS = 128  # candidates per pass, approximately


def one_pixel(
    model: Model,
    x: Tensor,
    y: Tensor,
    *,
    eps: float | Tensor,
    norm: Literal["L0"] = "L0",
    targets: Tensor | None = None,
    seed: int = 0,
    ids: Sequence[str] | None = None,
    pixels: int = 1,
    population: int = 100,
    steps: int = 30,
    weight: float = 0.5,
    unit: Literal["features", "pixels"] = "pixels",
) -> Tensor:
    """Return the best of all candidates bred with ``pixels`` new pixels (Su et al. 2019).

    A candidate gives each pixel's place and new colour. The first ``population`` (at least four)
    have uniform places and Gaussian colours around grey. Then, ``steps`` times, each competes with
    a child of three others (one plus ``weight`` times the difference of the other two), which
    replaces it unless the candidate has the higher margin (in the paper: the lower probability of
    the label). Places are reflected and colours clipped at the bounds. A sample leaves after the
    generation that fools. The evolution is not that of scipy, which supports neither keyed random
    numbers nor a batch of samples. ``unit`` "features" replaces single entries. As ``eps`` counts
    entries, ``x`` is returned and the model not queried if it is less than ``pixels`` times the
    channels.

    Knows: scores
    Cost: 1 + max(population, 4) * (steps + 1) forward, 0 backward
    Use: what a single pixel does to small images, if only scores are known.
    Fails: on large images and on robust nets, which a few pixels rarely fool.
    Paper: Su et al. 2019, arXiv:1710.08864
    """
    view = by_place(x, unit)
    able = (radii(eps, x) >= pixels * view.shape[1]).nonzero().squeeze(1)
    if not len(able):
        return x
    found, shape = x.clone(), x.shape[1:]
    grid = shape[1:] if unit == "pixels" and x.ndim > 2 else shape
    s = take(_begin(view, y, targets, keys(seed, ids, x, "one_pixel")), able)
    s = s._replace(top=_asked(model, s, s.x, torch.arange(len(able), device=x.device), shape))
    s = take(s, (~(s.top > 0)).nonzero().squeeze(1))
    for step in range(steps + 1):
        if not len(s.which):
            break
        size = (max(population, 4), pixels)
        children = _children(s, step, weight, len(grid)) if step else _parents(s, size, len(grid))
        s = _selected(model, s, children, shape, grid)
        found[s.which] = s.best.reshape(-1, *shape)
        s = take(s, (~(s.top > 0)).nonzero().squeeze(1))
    return found


class _State(NamedTuple):
    which: Tensor
    x: Tensor  # (n, channels, places)
    y: Tensor
    targets: tuple[Tensor, ...]
    stream: Tensor
    genes: Tensor  # the position and colour of each pixel of each candidate, all in [0, 1]
    value: Tensor  # the margin of each candidate, (n, population)
    best: Tensor  # the point of highest margin, and its margin
    top: Tensor


def _begin(x: Tensor, y: Tensor, targets: Tensor | None, stream: Tensor) -> _State:
    which, none = torch.arange(len(x), device=x.device), x[:, 0]
    aim = () if targets is None else (targets,)
    return _State(which, x, y, aim, stream, none, none, x, none[:, 0])


def _parents(s: _State, size: tuple[int, int], dimensions: int) -> Tensor:
    places = uniform(s.stream, (*size, dimensions))
    colours = 0.5 + 0.5 * normal(s.stream, (*size, s.x.shape[1]), 1)
    return torch.cat([places, colours.clamp(0, 1)], 3).to(s.x.dtype)


def _children(s: _State, step: int, weight: float, dimensions: int) -> Tensor:
    n, count = s.value.shape
    one, two, three = (
        s.genes[torch.arange(n, device=s.x.device)[:, None], other]
        for other in _others(uniform(s.stream, (count, 3), 1 + step))
    )
    child = one + weight * (two - three)
    inside = 1 - (1 - child.abs()).abs()
    place = torch.arange(child.shape[3], device=s.x.device) < dimensions
    return torch.where(place, inside, child).clamp(0, 1)


def _others(draws: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return three different candidates for each, (n, count), none of them itself."""
    count = draws.shape[1]
    ahead = [1 + (draws[:, :, i] * (count - 1 - i)).long() for i in range(3)]
    first, second, third = ahead
    second = second + (second >= first)
    low, high = torch.minimum(first, second), torch.maximum(first, second)
    third = third + (third >= low)
    third = third + (third >= high)
    own = torch.arange(count, device=draws.device)
    return (own + first) % count, (own + second) % count, (own + third) % count


def _selected(
    model: Model, s: _State, children: Tensor, shape: Sequence[int], grid: Sequence[int]
) -> _State:
    """Keep the one with the higher margin of each candidate and its child."""
    n, count = children.shape[:2]
    block, values = max(ROWS // n, 1), []
    for at in range(0, count, block):
        some = children[:, at : at + block]
        rows = torch.arange(n, device=s.x.device).repeat_interleave(some.shape[1])
        tried = _painted(s.x[rows], some.flatten(0, 1), grid)
        values.append(_asked(model, s, tried, rows, shape).reshape(n, -1))
    reached = torch.cat(values, 1)
    if s.genes.ndim == children.ndim:
        better = reached >= s.value
        children = torch.where(better[:, :, None, None], children, s.genes)
        reached = torch.where(better, reached, s.value)
    top, at_top = reached.max(1)
    winner = _painted(s.x, children[torch.arange(n, device=s.x.device), at_top], grid)
    best = torch.where((top > s.top)[:, None, None], winner, s.best)
    return s._replace(genes=children, value=reached, best=best, top=torch.maximum(top, s.top))


def _asked(model: Model, s: _State, tried: Tensor, rows: Tensor, shape: Sequence[int]) -> Tensor:
    """Return the margins of points that belong to these ``rows`` of the samples."""
    goal = margin(model, s.y[rows], *(t[rows] for t in s.targets))
    point = evaluate(goal, tried.reshape(-1, *shape), gradient=False)
    return point.value.nan_to_num(-torch.inf, torch.inf, -torch.inf)


def _painted(x: Tensor, genes: Tensor, grid: Sequence[int]) -> Tensor:
    """Return ``x`` (m, channels, places) with the pixels set as in ``genes`` (m, pixels, ...)."""
    place = torch.zeros_like(genes[:, :, 0], dtype=torch.long)
    for axis, side in enumerate(grid):
        place = place * side + (genes[:, :, axis] * side).long().clamp_max(side - 1)
    for pixel in range(genes.shape[1]):  # one by one, as two of them may have the same position
        there = place[:, pixel, None, None].expand(-1, x.shape[1], 1)
        x = x.scatter(2, there, genes[:, pixel, len(grid) :, None])
    return x
