"""Differentiable transforms of images, with parameters per sample.

Images are (n, channels, height, width); a parameter is a number or one per sample, (n,). Positions
are in pixels from the middle of the image, down and to the right. A sample's result does not depend
on its batch, to the last bit: there are no matrix products, and no sums whose length depends on the
batch.
"""

import math
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from advkit.engine.norms import rows

Edge = Literal["zeros", "border", "reflection"]
"""Values beyond the frame: black, the nearest pixel, or the image mirrored at the frame."""


def as_images(x: Tensor) -> Tensor:
    """View samples of any shape (n, ...) as images; signals become images one pixel high.

    (n, c, h, w) stays, (n, c, w) becomes (n, c, 1, w), all other shapes one channel of one row.
    """
    if x.ndim == 4:
        return x
    return x.reshape(len(x), x.shape[1] if x.ndim == 3 else 1, 1, -1)


def rotate(x: Tensor, degrees: Tensor | float, edge: Edge = "zeros") -> Tensor:
    """Rotate images around their middle, counterclockwise."""
    return move(x, degrees=degrees, edge=edge)


def scale(x: Tensor, factor: Tensor | float, edge: Edge = "zeros") -> Tensor:
    """Enlarge images by ``factor`` around their middle, or shrink them; the frame stays."""
    return move(x, factor=factor, edge=edge)


def translate(
    x: Tensor, down: Tensor | float, right: Tensor | float, edge: Edge = "zeros"
) -> Tensor:
    """Shift images by ``down`` and ``right`` pixels."""
    return move(x, down=down, right=right, edge=edge)


def resize_and_pad(x: Tensor, factor: Tensor | float, place: Tensor) -> Tensor:
    """Shrink images by ``factor`` and place them on black (Xie et al. 2019).

    ``place`` (n, 2) in [0, 1] is the position in the free space, from the top left corner to the
    bottom right.
    """
    room = 1 - _amount(factor, x)
    down, right = ((place - 0.5) * room[:, None]).unbind(1)
    return move(x, factor=factor, down=down * x.shape[2], right=right * x.shape[3])


def move(
    x: Tensor,
    *,
    degrees: Tensor | float = 0.0,
    factor: Tensor | float = 1.0,
    down: Tensor | float = 0.0,
    right: Tensor | float = 0.0,
    edge: Edge = "zeros",
) -> Tensor:
    """Rotate images counterclockwise and scale them by ``factor``, then shift them.

    One bilinear interpolation (`sample_at`) for all three.
    """
    height, width = x.shape[2:]
    return sample_at(x, *seen_from(height, width, x, degrees, factor, down, right), edge)


def seen_from(
    height: int,
    width: int,
    like: Tensor,
    degrees: Tensor | float,
    factor: Tensor | float,
    down: Tensor | float,
    right: Tensor | float,
) -> tuple[Tensor, Tensor]:
    """Return the positions of the pixels of a frame in the image moved into it, (n, height, width).

    Two such tensors, down and right. The image was rotated by ``degrees``, scaled by ``factor`` and
    shifted, as by `move`; ``like`` (n, ...) gives the number of samples, the type and the device.
    """
    turn, size, down, right = (
        _amount(amount, like)[:, None, None] for amount in (degrees, factor, down, right)
    )
    y = torch.arange(height, dtype=like.dtype, device=like.device)[:, None] - (height - 1) / 2
    x = torch.arange(width, dtype=like.dtype, device=like.device) - (width - 1) / 2
    y, x, angle = y - down, x - right, turn * (math.pi / 180)
    cos, sin = angle.cos() / size, angle.sin() / size
    return cos * y + sin * x, cos * x - sin * y


def sample_at(x: Tensor, down: Tensor, right: Tensor, edge: Edge = "zeros") -> Tensor:
    """Return images (n, c, H, W) of the values of ``x`` at the positions ``down`` and ``right``.

    Bilinear interpolation. Positions are (n, H, W).
    """
    height, width = x.shape[2:]
    grid = torch.stack([right * (2 / width), down * (2 / height)], 3)
    return F.grid_sample(x.contiguous(), grid, padding_mode=edge, align_corners=False)


def blur(x: Tensor, sigma: Tensor | float, reach: float = 4.0) -> Tensor:
    """Blur images by a Gaussian of deviation ``sigma`` pixels, mirrored at the frame.

    The Gaussian is truncated at ``reach`` deviations.
    """
    deviation = _amount(sigma, x)
    return _smooth(_smooth(x, deviation, reach, 3), deviation, reach, 2)


def _smooth(x: Tensor, sigma: Tensor, reach: float, dim: int) -> Tensor:
    last = (reach * sigma.detach() + 0.5).floor()
    taps, length = int(last.max()) if len(last) else 0, x.shape[dim]
    at = torch.arange(-taps, length + taps, device=x.device) % (2 * length)
    wide = x.index_select(dim, torch.minimum(at, 2 * length - 1 - at))
    total, weights = x, torch.ones_like(sigma)
    for tap in range(1, taps + 1):
        weight = torch.exp(-0.5 * (tap / sigma.clamp_min(1e-6)).square()).where(tap <= last, 0)
        both = wide.narrow(dim, taps - tap, length) + wide.narrow(dim, taps + tap, length)
        total, weights = total + rows(weight, x) * both, weights + 2 * weight
    return total / rows(weights, x)


def _amount(value: Tensor | float, like: Tensor) -> Tensor:
    return torch.as_tensor(value, dtype=like.dtype, device=like.device).expand(len(like))
