"""Geometry of the L0, L1, L2 and Linf norms, per sample."""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from advkit.engine import projections


def rows(values: Tensor, like: Tensor) -> Tensor:
    """View one value per sample (n,) so that it broadcasts against ``like`` (n, ...)."""
    return values.reshape(-1, *[1] * (like.ndim - 1))


class Norm(NamedTuple):
    """One norm; every function takes (n, ...) and works per sample.

    size: length of ``d``, (n,). dual: length of a gradient in the dual norm, (n,); for L0, which
    has none, that of Linf. steepest: the direction of size one along which a linear function rises
    fastest; zero where the gradient is. project: the point of the ball nearest to ``d``. confine:
    the point in ball and box [0, 1] nearest to ``x``, for a centre in the box.
    """

    size: Callable[[Tensor], Tensor]
    dual: Callable[[Tensor], Tensor]
    steepest: Callable[[Tensor], Tensor]
    project: Callable[[Tensor, Tensor], Tensor]
    confine: Callable[[Tensor, Tensor, Tensor], Tensor]


_PLAIN = (1e-15, 1e15)  # lengths whose squares neither underflow nor overflow


def _entries(d: Tensor) -> tuple[int, ...]:
    return tuple(range(1, d.ndim))


# In L1 and Linf not by vector_norm: on a CPU it takes 5 and 11 times as long, and in L1 it adds
# entries one by one, with ten times the error.
def _l1(d: Tensor) -> Tensor:
    return d.abs().sum(_entries(d))


def _l2(d: Tensor, keepdim: bool = False) -> Tensor:
    size: Tensor = torch.linalg.vector_norm(d, 2, dim=_entries(d), keepdim=keepdim)
    return size


def _linf(d: Tensor, keepdim: bool = False) -> Tensor:
    return d.abs().amax(_entries(d), keepdim)


def _count(d: Tensor) -> Tensor:
    return d.flatten(1).count_nonzero(1).to(d.dtype)


def unit(d: Tensor) -> Tensor | None:
    """Return ``d`` (n, ...) divided by its L2 sizes; None if squares would under- or overflow."""
    length = _l2(d, keepdim=True)
    return d / length if torch.equal(length.clamp(*_PLAIN), length) else None


def _unit(gradient: Tensor) -> Tensor:
    if (divided := unit(gradient)) is not None:
        return divided
    length, tiny = _l2(gradient, keepdim=True), torch.finfo(gradient.dtype).tiny
    scaled = gradient / _linf(gradient, keepdim=True).clamp_min(tiny)
    scaled = scaled / _l2(scaled, keepdim=True).clamp_min(0.5)
    return torch.where(length.clamp(*_PLAIN) == length, gradient / length, scaled)


def _largest(gradient: Tensor) -> Tensor:
    flat = gradient.flatten(1)
    peak = flat.abs().argmax(1, keepdim=True)
    return torch.zeros_like(flat).scatter(1, peak, flat.gather(1, peak).sign()).view_as(gradient)


def _flat(project: Callable[[Tensor, Tensor], Tensor]) -> Callable[[Tensor, Tensor], Tensor]:
    return lambda d, radius: project(d.flatten(1), radius).reshape(d.shape)


def _flat_box(
    confine: Callable[[Tensor, Tensor, Tensor], Tensor],
) -> Callable[[Tensor, Tensor, Tensor], Tensor]:
    return lambda x, centre, radius: confine(x.flatten(1), centre.flatten(1), radius).reshape(
        x.shape
    )


def _clamp(d: Tensor, radius: Tensor) -> Tensor:
    return d.clamp(-rows(radius, d), rows(radius, d))


def walls(centre: Tensor, radius: Tensor) -> tuple[Tensor, Tensor]:
    """Return the least and the largest entries of the Linf ball intersected with the box [0, 1]."""
    reach = rows(radius, centre)
    return (centre - reach).clamp_min(0), (centre + reach).clamp_max(1)


def _clamp_box(x: Tensor, centre: Tensor, radius: Tensor) -> Tensor:
    reach = rows(radius, centre)
    return x.clamp(centre - reach, centre + reach).clamp(0, 1)


def _shrink(d: Tensor, radius: Tensor) -> Tensor:
    size = _l2(d)
    factor = torch.where(size > radius, radius / size, torch.ones_like(size))
    return d * rows(factor, d)


NORMS = {
    "L0": Norm(
        _count, _linf, _largest, _flat(projections.keep_largest), _flat_box(projections.l0_box)
    ),
    "L1": Norm(_l1, _linf, _largest, _flat(projections.l1_ball), _flat_box(projections.l1_box)),
    "L2": Norm(_l2, _l2, _unit, _shrink, _flat_box(projections.l2_box)),
    "Linf": Norm(_linf, _l1, torch.sign, _clamp, _clamp_box),
}
