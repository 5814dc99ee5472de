"""Many thumbnails in one image: at given positions, or on a grid."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from torch import Tensor

from advkit.insight.embedding import grid_places

Floats = NDArray[np.floating[Any]]
COLOURS = ("#0b5c9e", "#d1495b", "#2a9d5c", "#e0a100", "#7b4fa3", "#17a2b8", "#8d5a2b", "#e377c2",
           "#6b7780", "#9acd32")  # fmt: skip
FRAME = 2


def scattered(
    thumbnails: Tensor, places: Floats, labels: Sequence[int], *, side: int = 1400,
    arrows: Sequence[tuple[int, int]] = (),
) -> Tensor:  # fmt: skip
    """Return one image (3, side, side) of ``thumbnails`` (n, c, h, w) at ``places`` in [0, 1].

    Each has a frame in the colour of its label. ``arrows`` are lines between the centres of two
    thumbnails, with a dot at the end.
    """
    room = min(max(int(side / max(len(places), 1) ** 0.5 * 0.8), 12), 48)
    picture = Image.new("RGB", (side, side), "white")
    middles = [
        tuple(round(v * (side - room - 4) + room / 2 + 2) for v in place) for place in places
    ]
    draw = ImageDraw.Draw(picture)
    for thumbnail, (x, y), label in zip(thumbnails, middles, labels, strict=True):
        small = _thumbnail(thumbnail, room - 2 * FRAME)
        left, top = x - room // 2, y - room // 2
        draw.rectangle((left, top, left + room - 1, top + room - 1), COLOURS[label % len(COLOURS)])
        picture.paste(small, (left + FRAME, top + FRAME))
    for start, end in arrows:
        (x, y), (u, v) = middles[start], middles[end]
        draw.line((x, y, u, v), fill="#d14300", width=2)
        draw.ellipse((u - 4, v - 4, u + 4, v + 4), fill="#d14300")
    return _tensor(picture)


def gridded(thumbnails: Tensor, places: Floats, labels: Sequence[int], *, room: int = 40) -> Tensor:
    """Return one image of ``thumbnails`` on a square grid, each near its position."""
    cells, side = grid_places(places)
    picture = Image.new("RGB", (side * room, side * room), "white")
    draw = ImageDraw.Draw(picture)
    for thumbnail, cell, label in zip(thumbnails, cells, labels, strict=True):
        left, top = int(cell) % side * room, int(cell) // side * room
        draw.rectangle((left, top, left + room - 1, top + room - 1), COLOURS[label % len(COLOURS)])
        picture.paste(_thumbnail(thumbnail, room - 2 * FRAME), (left + FRAME, top + FRAME))
    return _tensor(picture)


def _thumbnail(image: Tensor, side: int) -> Image.Image:
    levels = (image.detach().cpu().clamp(0, 1) * 255).round().to(torch.uint8)
    pixels = levels.expand(3, -1, -1) if len(levels) == 1 else levels[:3]
    whole = Image.fromarray(pixels.permute(1, 2, 0).contiguous().numpy())
    return whole.resize((side, side), Image.Resampling.BILINEAR)


def _tensor(picture: Image.Image) -> Tensor:
    return torch.from_numpy(np.array(picture)).permute(2, 0, 1) / 255
