"""Proximal operators: the d at which |d - z|^2 / 2 + weight * norm(d) is least, per sample.

``z`` is (n, ...), ``weight`` (n,) for L2 and Linf, which do not separate; of any shape that
broadcasts for L1 and L0, which do. L0 is taken as the sum of |d|^(2/3) (Cao et al. 2013), the way
in which Matyasko and Chau (2021) make its steps continuous.
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from advkit.engine import NORMS, rows


def _soften(z: Tensor, weight: Tensor) -> Tensor:
    return z.sign() * (z.abs() - weight).clamp_min(0)


def _shorten(z: Tensor, weight: Tensor) -> Tensor:
    size = NORMS["L2"].size(z)
    return z * rows((1 - weight / size.clamp_min(1e-30)).clamp_min(0), z)


def _flatten_peaks(z: Tensor, weight: Tensor) -> Tensor:
    return z - NORMS["L1"].project(z, weight)


def _two_thirds(z: Tensor, weight: Tensor) -> Tensor:
    # In float64: vectorised and plain kernels differ in the last bit of float32, by the batch.
    size, twice = z.abs().double(), (2 * weight.double()).clamp_min(1e-30)
    kept = size > 2 / 3 * (3 * twice**3) ** 0.25
    spread = torch.acosh((27 / 16 * size.square() * twice**-1.5).clamp_min(1.0)) / 3
    phi = 2 / math.sqrt(3) * twice**0.25 * spread.cosh().sqrt()
    root = (2 * size / phi - phi.square()).clamp_min(0).sqrt()
    return torch.where(kept, z.sign() * ((phi + root) / 2) ** 3, 0.0).to(z.dtype)


PROXIMAL: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "L0": _two_thirds,
    "L1": _soften,
    "L2": _shorten,
    "Linf": _flatten_peaks,
}
