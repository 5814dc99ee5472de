"""Proximal operators: the d that minimises sum(metric (d - z)^2) / 2 + weight * norm(d).

``z`` and ``metric`` (> 0) are (n, ...), ``weight`` is (n,). All are exact, also where the norm is
not separable. L0 is replaced by the sum of |d|^(2/3) (Cao et al. 2013), with which Matyasko and
Chau (2021) make its steps continuous.
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from advkit.attacks.bisection import bisect
from advkit.engine import NORMS, rows
from advkit.engine.batch_invariant import cosh

HALVINGS = 40


def _soften(z: Tensor, weight: Tensor, metric: Tensor) -> Tensor:
    return z.sign() * (z.abs() - rows(weight, z) / metric).clamp_min(0)


def _shorten(z: Tensor, weight: Tensor, metric: Tensor) -> Tensor:
    """Return z m / (m + weight / t), with t the size of the result."""
    size = NORMS["L2"].size

    def long_enough(length: Tensor) -> Tensor:
        return size(metric * z / (metric * rows(length, z) + rows(weight, z))) <= 1

    _, length = bisect(long_enough, torch.zeros_like(weight), size(z), HALVINGS)
    nothing = size(metric * z) <= weight
    kept = metric * rows(length, z)
    new = z * kept / (kept + rows(weight, z)).clamp_min(1e-30)
    return torch.where(rows(nothing, z), 0.0, new)


def _flatten_peaks(z: Tensor, weight: Tensor, metric: Tensor) -> Tensor:
    """Clip at the height at which ``metric`` times the clipped parts sums to ``weight``."""
    size, order = z.abs().flatten(1).sort(dim=1, descending=True, stable=True)
    share = metric.expand_as(z).flatten(1).gather(1, order)
    heights = ((share * size).cumsum(1) - weight[:, None]) / share.cumsum(1)
    height = rows(heights.amax(1).clamp_min(0), z)
    return torch.minimum(torch.maximum(z, -height), height)


def _two_thirds(z: Tensor, weight: Tensor, metric: Tensor) -> Tensor:
    # In float64: vectorised and scalar kernels differ in the last bit of float32, by the batch.
    size, twice = z.abs().double(), (2 * (rows(weight, z) / metric).double()).clamp_min(1e-30)
    half = twice.sqrt()
    kept = size > 2 / 3 * (3 * twice**3).sqrt().sqrt()
    spread = torch.acosh((27 / 16 * size.square() / (twice * half)).clamp_min(1.0)) / 3
    phi = 2 / math.sqrt(3) * half.sqrt() * cosh(spread).sqrt()
    root = (2 * size / phi - phi.square()).clamp_min(0).sqrt()
    return torch.where(kept, z.sign() * ((phi + root) / 2) ** 3, 0.0).to(z.dtype)


PROXIMAL: dict[str, Callable[[Tensor, Tensor, Tensor], Tensor]] = {
    "L0": _two_thirds,
    "L1": _soften,
    "L2": _shorten,
    "Linf": _flatten_peaks,
}
