"""The value, the output and the input gradient of an objective; the only caller of autograd."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

CHUNK = 64
"""Samples per pass on a CPU. The activations of more samples leave the cache before the backward
pass needs them (measured on the bundled CNN: 1.5 times the time per sample at 96); fewer waste rows
where a batch is padded. A batch of an attack may be much larger."""


class Objective(NamedTuple):
    """A function of the input and of tensors that are fixed per sample (labels, targets).

    ``function(x, *fixed)`` returns the value of every sample, shape (n,), and the output it was
    computed from (logits, features). It may return several values per sample, (n, k): the gradient
    is then (n, k, ...), at the cost of one forward and k backward passes. ``fixed`` is kept outside
    the function, so that samples can leave the batch (`take`).
    """

    function: Callable[..., tuple[Tensor, Tensor]]
    fixed: tuple[Tensor, ...] = ()

    def __call__(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return value (n,) and output at ``x`` (n, ...)."""
        return self.function(x, *self.fixed)


class Point(NamedTuple):
    """Values and gradients at one point of input space; every field has one row per sample."""

    x: Tensor
    value: Tensor
    output: Tensor
    gradient: Tensor
    which: Tensor
    """Row of each sample in the batch that the run started with."""

    def of(self, whole: Tensor) -> Tensor:
        """Return the rows of ``whole`` (one per sample of that batch) of these samples."""
        return whole if whole.shape[0] == self.which.shape[0] else whole[self.which]


def evaluate(
    objective: Objective, x: Tensor, gradient: bool = True, which: Tensor | None = None
) -> Point:
    """Evaluate ``objective`` at ``x`` (n, ...); without ``gradient`` only by a forward pass.

    Weights never receive a gradient. The gradient is zero where the value does not depend on the
    input, and where an entry of it is not finite.
    """
    index = torch.arange(len(x), device=x.device) if which is None else which
    if x.shape[0] <= CHUNK or x.device.type != "cpu":
        return _at(objective, x, gradient, index)
    parts = []
    for at in range(0, len(x), CHUNK):
        rows = slice(at, at + CHUNK)
        some = objective._replace(fixed=tuple(each[rows] for each in objective.fixed))
        parts.append(_at(some, x[rows], gradient, index[rows]))
    return Point(*(torch.cat(column) for column in zip(*parts, strict=True)))


def _at(objective: Objective, x: Tensor, gradient: bool, index: Tensor) -> Point:
    place = x.detach()
    if not gradient:
        with torch.no_grad():
            value, output = objective(place)
        return Point(place, value, output, torch.zeros_like(place), index)
    place.requires_grad_(True)
    with torch.enable_grad():
        value, output = objective(place)
        slope = _slope(value, place)
    x = x.detach() if x.requires_grad else x
    return Point(x, value.detach(), output.detach(), slope, index)


def slopes(value: Tensor, places: Sequence[Tensor]) -> list[Tensor]:
    """Return the gradient of ``value`` (n,) with respect to each tensor it was computed from.

    Zero for tensors on which it does not depend; for gradients at inner layers (`layers.at_layer`).
    """
    if not value.requires_grad:
        return [torch.zeros_like(place) for place in places]
    found = torch.autograd.grad(value.sum(), places, allow_unused=True)
    return [
        torch.zeros_like(place) if slope is None else slope
        for slope, place in zip(found, places, strict=True)
    ]


def _slope(value: Tensor, x: Tensor) -> Tensor:
    if value.ndim == 1:
        return _way_back(value, x, again=False)
    columns = value.unbind(1)
    slopes = [_way_back(each, x, again=each is not columns[-1]) for each in columns]
    return torch.stack(slopes, 1)


def _way_back(value: Tensor, x: Tensor, *, again: bool) -> Tensor:
    if not value.requires_grad:
        return torch.zeros_like(x)
    # Of the sum: with explicit output gradients, torch imports sympy at the first use.
    (slope,) = torch.autograd.grad(value.sum(), x, retain_graph=again, allow_unused=True)
    if slope is None:
        return torch.zeros_like(x)
    return slope.nan_to_num(0.0, 0.0, 0.0)
