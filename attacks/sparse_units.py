"""Shared code of L0 attacks: entries or whole pixels as units, and units at the bounds."""

import math

import torch
from torch import Tensor

from advkit.engine import NORMS


def by_place(x: Tensor, unit: str) -> Tensor:
    """View ``x`` (n, ...) as (n, channels, places), where the entries of a place change together.

    A place is a pixel of an image (n, c, h, w) or of a signal (n, c, length); without channels, and
    for ``features``, each entry is a place of its own.
    """
    channels = x.shape[1] if unit == "pixels" and x.ndim > 2 else 1
    return x.reshape(len(x), channels, math.prod(x.shape[1:]) // channels)


def gains(slope: Tensor, x: Tensor) -> Tensor:
    """Return the increase at this ``slope`` if an entry moves to its better bound."""
    return torch.maximum(slope * (1 - x), -slope * x)


def to_walls(slope: Tensor, x: Tensor, count: Tensor) -> Tensor:
    """Return ``x`` (n, channels, places) with ``count`` (n,) places at the bounds.

    They are those with the largest increase of a linear function with this ``slope``, ties by
    position.
    """
    gain = gains(slope, x)
    kept = NORMS["L0"].project(gain.sum(1), count)[:, None] > 0
    return torch.where(kept & (gain > 0), (slope > 0).to(x.dtype), x)


def places_moved(tried: Tensor, x: Tensor) -> Tensor:
    """Return the number of changed places of ``x`` (n, channels, places), (n,)."""
    return (tried != x).any(1).sum(1).to(x.dtype)
