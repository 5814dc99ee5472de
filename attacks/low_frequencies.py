"""The subspace of low frequencies: images from their first cosines (Ahmed et al. 1974)."""

import math
from functools import cache

import torch
from torch import Tensor


def frequencies_kept(shape: torch.Size, frequencies: int, queries: int) -> tuple[int, ...]:
    """Return how many cosines of each axis of ``shape`` (channels, ...) span the directions.

    ``frequencies`` per spatial axis; 0 chooses enough for one direction per query of ``queries``.
    For channels, and for samples without space, (features,), all are kept.
    """
    space = shape[1:]
    longest = max(space, default=1)
    wanted = frequencies or longest
    while not frequencies and wanted > 1 and _count(shape, wanted - 1) >= queries:
        wanted -= 1
    return (*shape[:1], *(_share(side, wanted, longest) for side in space))


def _share(side: int, wanted: int, longest: int) -> int:
    return max(1, min(side, math.ceil(side * wanted / longest)))


def _count(shape: torch.Size, wanted: int) -> int:
    longest = max(shape[1:])
    return shape[0] * math.prod(_share(side, wanted, longest) for side in shape[1:])


def smooth(weights: Tensor, shape: torch.Size) -> Tensor:
    """Return the images (k, *shape) of ``weights`` (k, channels, ...), one for each cosine kept.

    Lengths and angles are preserved: the cosines are orthonormal.
    """
    for axis, side in enumerate(shape[1:], start=2):
        if weights.shape[axis] < side:
            basis = cosines(weights.shape[axis], side).to(weights)
            weights = (weights.movedim(axis, -1) @ basis).movedim(-1, axis)
    return weights


@cache
def cosines(count: int, side: int) -> Tensor:
    """Return the first ``count`` rows of the orthonormal discrete cosine transform (DCT-II).

    Cached, so it must not be modified.
    """
    k = torch.arange(count, dtype=torch.float64)[:, None]
    places = torch.arange(side, dtype=torch.float64) + 0.5
    basis = (math.pi / side * k * places).cos() * math.sqrt(2 / side)
    basis[0] /= math.sqrt(2)
    return basis
