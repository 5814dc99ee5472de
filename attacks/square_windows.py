"""Proposals of the Square attack: windows placed per sample in images (n, c, h, w)."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from advkit.engine import NORMS, rows
from advkit.engine.seeding import signs

TILES = 5  # the first perturbation in L2 and L1 is a grid of 5 x 5 pyramids


class Windows(NamedTuple):
    """The size of the windows of one iteration, in an image of ``height`` x ``width``."""

    height: int
    width: int
    tall: int
    wide: int

    @classmethod
    def of(cls, shape: Sequence[int], share: float, norm: str) -> "Windows":
        """Return squares that cover ``share`` of the image, or bars if it is too flat."""
        height, width = shape[2:]
        area = share * height * width
        side = max(round(math.sqrt(area)), 1)
        if norm != "Linf":  # two pyramids need a middle
            side = max(side, 3) | 1
        tall = min(side, height)
        flat = side > height
        return cls(height, width, tall, min(max(round(area / tall), side) if flat else side, width))

    def place(self, draws: Tensor) -> Tensor:
        """Return the flat positions of a window, (n, 1, tall * wide), from draws (n, 2)."""
        spare = torch.tensor([self.height - self.tall, self.width - self.wide]).to(draws.device)
        corner = (draws * (spare + 1)).long()
        down = corner[:, 0, None] + torch.arange(self.tall, device=draws.device)
        right = corner[:, 1, None] + torch.arange(self.wide, device=draws.device)
        return (down[:, :, None] * self.width + right[:, None, :]).flatten(1)[:, None]


def _sign(draws: Tensor, like: Tensor) -> Tensor:
    return torch.where(draws < 0.5, -1.0, 1.0).to(like.dtype)


def striped(x: Tensor, radius: Tensor, stream: Tensor) -> Tensor:
    """Return vertical stripes of random signs at full size, the start in Linf."""
    _, channels, _, width = x.shape
    stripes = signs(stream, (channels, 1, width)).to(x.dtype)
    return NORMS["Linf"].confine(x + rows(radius, x) * stripes, x, radius)


def recolour(best: Tensor, x: Tensor, radius: Tensor, windows: Windows, draws: Tensor) -> Tensor:
    """Move one window by twice the radius up or down per channel, clipped to ball and box."""
    place = windows.place(draws[:, :2]).expand(-1, x.shape[1], -1)
    colour = _sign(draws[:, 5:], x)[:, :, None] * 2 * radius[:, None, None]
    moved = best.flatten(2).scatter_add(2, place, colour.expand(place.shape)).view_as(x)
    return NORMS["Linf"].confine(moved, x, radius)


def tiled(x: Tensor, radius: Tensor, stream: Tensor, norm: str) -> Tensor:
    """Return a grid of pyramids of random signs, scaled to the radius: the start in L2 and L1."""
    n, channels, height, width = x.shape
    tall, wide = max(height // TILES, 1), max(width // TILES, 1)
    down, across = height // tall, width // wide
    pyramid = _pyramids(tall, wide, norm, across=tall < 2).to(x)
    grid = signs(stream, (channels, down, 1, across, 1)).to(x.dtype)
    tiles = (grid * pyramid[:, None, :]).reshape(n, channels, down * tall, across * wide)
    top, left = (height - down * tall) // 2, (width - across * wide) // 2
    d = torch.zeros_like(x)
    d[:, :, top : top + down * tall, left : left + across * wide] = tiles
    return _scaled(d, x, radius, norm)


def move_mass(
    best: Tensor, x: Tensor, radius: Tensor, windows: Windows, draws: Tensor, norm: str
) -> Tensor:
    """Replace one window by a pyramid with its mass, a second window's and the unused budget."""
    p, channels = (2 if norm == "L2" else 1), x.shape[1]
    d = (best - x).flatten(2)
    shape = (-1, channels, -1)
    first = windows.place(draws[:, :2]).expand(shape)
    second = windows.place(draws[:, 2:4]).expand(shape)
    covered = torch.zeros_like(d).scatter(2, first, 1.0).scatter(2, second, 1.0)
    mass = (d * covered).abs().pow(p).sum((1, 2))
    unused = (radius.pow(p) - d.abs().pow(p).sum((1, 2))).clamp_min(0)
    budget = ((mass + unused) / channels).pow(1 / p)[:, None, None]
    old = d.gather(2, first)
    new = _draw_pyramids(windows, draws, norm).to(x) * _sign(draws[:, 5:], x)[:, :, None]
    new = new + old / _size(old, p).clamp_min(1e-12)
    new = new / _size(new, p).clamp_min(1e-12) * budget
    d = d.scatter(2, second, 0.0).scatter(2, first, new).view_as(x)
    return _scaled(d, x, radius, norm)


def _size(d: Tensor, p: int) -> Tensor:
    size: Tensor = torch.linalg.vector_norm(d, p, dim=2, keepdim=True)
    return size


def _scaled(d: Tensor, x: Tensor, radius: Tensor, norm: str) -> Tensor:
    """Scale ``x`` + ``d`` to the surface of the ball, as far as the box allows."""
    d = d * rows(radius / NORMS[norm].size(d).clamp_min(1e-12), d)
    return NORMS[norm].confine(x + d, x, radius)


def _draw_pyramids(windows: Windows, draws: Tensor, norm: str) -> Tensor:
    """Return one pair of pyramids per sample, (n, 1, tall * wide), horizontal or vertical."""
    both = [
        _pyramids(windows.tall, windows.wide, norm, across=across).flatten()
        for across in (windows.tall < 2, windows.wide > 1)
    ]
    pick = (draws[:, 4, None] < 0.5).to(torch.float64)
    return (pick * both[0].to(draws) + (1 - pick) * both[1].to(draws))[:, None]


def _pyramids(tall: int, wide: int, norm: str, *, across: bool) -> Tensor:
    """Return a pyramid beside its negative, split across the width or down the height."""
    power, p = (2, 2) if norm == "L2" else (4, 1)
    if across:
        return _pyramids(wide, tall, norm, across=False).T if wide > 1 else torch.ones(tall, wide)
    half = tall // 2
    parts = [_pyramid(half, wide, power), -_pyramid(tall - half, wide, power)]
    d = torch.cat([part for part in parts if part.numel()])
    size: Tensor = torch.linalg.vector_norm(d, p)
    return d / size


def _pyramid(tall: int, wide: int, power: int) -> Tensor:
    """Return nested rectangles that add up towards the middle."""
    d = torch.zeros(tall, wide)
    middle = (tall // 2, wide // 2)
    for ring in range(max(middle) + 1):
        down, right = (max(m - ring, 0) for m in middle)
        d[down : middle[0] + ring + 1, right : middle[1] + ring + 1] += 1 / (ring + 1) ** power
    return d
