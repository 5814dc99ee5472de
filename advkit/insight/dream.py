"""DeepDream (Mordvintsev et al. 2015): amplify the features that a layer detects in an image."""

from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from advkit.engine import Objective, Point, Rule, evaluate, rows
from advkit.engine.seeding import keys, uniform
from advkit.engine.transforms import blur, move


class Dream(NamedTuple):
    """Settings of a dream; sizes in pixels."""

    octaves: int = 4
    scale: float = 1.4
    steps: int = 10
    """Per octave."""
    step: float = 1.5 / 255
    """Mean |change| of a pixel value in one step."""
    jitter: int = 32
    smooth: float = 0.0
    """Deviation in pixels of the Gaussian blur of the gradient, against grid patterns."""
    tile: int = 512
    """Larger images are processed in tiles of this size, with other boundaries at each step."""
    least: int = 48
    """Octaves with a smaller shorter side are omitted."""


def dreamt(
    objective: Objective,
    x: Tensor,
    plan: Dream,
    *,
    seed: int = 0,
    tell: Callable[[int, float], None] = lambda _step, _value: None,
) -> Tensor:
    """Return ``x`` (1, c, h, w) changed at every octave, from the smallest to full size.

    Without steps the image is returned exactly. ``objective`` must accept any size. ``tell`` gets
    the value per pixel, so that octaves can be compared.
    """
    sizes = octave_sizes(x.shape[2], x.shape[3], plan)
    detail = torch.zeros_like(_resized(x, sizes[0]))
    count = 0
    for number, size in enumerate(sizes):
        base = _resized(x, size)
        detail = _resized(detail, size)
        begun = base + detail
        end = begun
        for step, point in enumerate(_octave(objective, begun, plan, seed, number)):
            end = point.x
            count += step > 0
            tell(count, float(point.value) / (size[0] * size[1]))
        detail = end - base
    return x if plan.steps == 0 else end


def octave_sizes(height: int, width: int, plan: Dream) -> list[tuple[int, int]]:
    """Return the sizes of the octaves, smallest first; those below ``plan.least`` are omitted."""
    found = []
    for k in range(max(plan.octaves, 1)):
        size = (round(height / plan.scale**k), round(width / plan.scale**k))
        if k and min(size) < plan.least:
            break
        found.append(size)
    return found[::-1]


def _resized(x: Tensor, size: tuple[int, int]) -> Tensor:
    if tuple(x.shape[2:]) == size:
        return x
    return F.interpolate(x, size, mode="bilinear", antialias=True, align_corners=False)


def _octave(
    objective: Objective, x: Tensor, plan: Dream, seed: int, octave: int
) -> Iterator[Point]:
    """Run one octave; every step is taken on the image rolled by another offset."""
    rule = dream_rule(plan.step)
    for step in range(plan.steps + 1):
        down, right = _roll(x, plan, seed, octave, step)
        seen = _in_tiles(objective, torch.roll(x, (down, right), (2, 3)), plan.tile)
        slope = torch.roll(seen.gradient, (-down, -right), (2, 3))
        if plan.smooth:
            slope = blur(slope, plan.smooth)
        point = seen._replace(x=x, gradient=slope)
        yield point
        if step < plan.steps:
            x, _ = rule.update(point, None)


def _in_tiles(objective: Objective, x: Tensor, tile: int) -> Point:
    """Return value and gradient of ``x`` (1, c, h, w), summed over tiles of ``tile`` pixels.

    Needs the memory of one tile. Tiles of a row have about equal size.
    """
    slope, total = torch.zeros_like(x), torch.zeros(1)
    for top, bottom in _cuts(x.shape[2], tile):
        for left, right in _cuts(x.shape[3], tile):
            point = evaluate(objective, x[:, :, top:bottom, left:right].contiguous())
            slope[:, :, top:bottom, left:right] = point.gradient
            total = total + point.value
    return Point(x, total, total, slope, torch.zeros(1, dtype=torch.int64))


def _cuts(length: int, tile: int) -> list[tuple[int, int]]:
    """Return the ends of about equal parts of ``length``, at most ``tile`` long."""
    parts = -(-length // tile)
    at = [length * i // parts for i in range(parts + 1)]
    return list(pairwise(at))


def _roll(x: Tensor, plan: Dream, seed: int, octave: int, step: int) -> tuple[int, int]:
    """Return the offset by which a step's image is rolled: any offset if it is cut into tiles."""
    draw = uniform(keys(seed, ["dream"], x[:1], octave, step), (2,))[0]
    if max(x.shape[2:]) > plan.tile:
        return int(draw[0] * x.shape[2]), int(draw[1] * x.shape[3])
    reach = min(plan.jitter, min(x.shape[2:]) // 2)
    return int(draw[0] * (2 * reach + 1)) - reach, int(draw[1] * (2 * reach + 1)) - reach


def dream_rule(step: float, low: float = 0.0, high: float = 1.0) -> Rule:
    """Return steps along the gradient divided by its mean magnitude, within [low, high].

    An image whose gradient is 0 is unchanged.
    """

    def update(point: Point, state: None) -> tuple[Tensor, None]:
        size = point.gradient.abs().flatten(1).mean(1)
        share = torch.where(size > 0, step / size.clamp_min(1e-30), 0)
        return (point.x + rows(share, point.x) * point.gradient).clamp(low, high), state

    return Rule(lambda _x: None, update)


def zoomed(x: Tensor, share: float) -> Tensor:
    """Return ``x`` (1, c, h, w) with ``share`` of every side cropped, and enlarged again."""
    return move(x, factor=1 / (1 - 2 * share), edge="border")
