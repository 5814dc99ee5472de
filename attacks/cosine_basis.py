"""Orthonormal directions: single entries, or waves of the discrete cosine transform."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from advkit.attacks.low_frequencies import cosines
from advkit.engine.seeding import uniform


def axes_of(shape: Sequence[int]) -> int:
    """Return the first spatial axis of a sample of ``shape``: after the channels."""
    return 1 if len(shape) > 1 else 0


def frequencies(shape: Sequence[int], device: torch.device) -> Tensor:
    """Return for every wave of a sample of ``shape`` its highest frequency along an axis, (d,).

    It is in [0, 1): half periods divided by the length of the axis.
    """
    highest = torch.zeros(tuple(shape), dtype=torch.float64, device=device)
    for axis in range(axes_of(shape), len(shape)):
        size = shape[axis]
        share = torch.arange(size, dtype=torch.float64, device=device) / size
        highest = torch.maximum(highest, share.reshape(-1, *[1] * (len(shape) - axis - 1)))
    return highest.flatten()


def wave(index: Tensor, like: Tensor) -> Tensor:
    """Return the wave with number ``index`` (n,) as images like ``like`` (n, ...), of L2 size 1."""
    shape = like.shape[1:]
    places = torch.unravel_index(index, shape)
    product = torch.ones(len(index), *[1] * len(shape), dtype=like.dtype, device=like.device)
    for axis, (size, place) in enumerate(zip(shape, places, strict=True)):
        channel = axis < axes_of(shape)
        table = (
            torch.eye(size, dtype=like.dtype, device=like.device)
            if channel
            else cosines(size, size).to(like)
        )
        product = product * table[place].reshape(
            -1, *[size if a == axis else 1 for a in range(len(shape))]
        )
    return product


def entry(index: Tensor, like: Tensor) -> Tensor:
    """Return images like ``like`` (n, ...) that are 1 at the entry ``index`` (n,), else 0."""
    flat = torch.zeros_like(like).flatten(1)
    return flat.scatter(1, index[:, None], 1.0).view_as(like)


def shuffled(stream: Tensor, shape: Sequence[int], *, waves: bool) -> Tensor:
    """Return an order of all directions for each sample, (n, d): waves by rising frequency."""
    size = math.prod(shape)
    luck = uniform(stream, (size,))
    return (luck / 8 + frequencies(shape, stream.device) if waves else luck).argsort(1)
