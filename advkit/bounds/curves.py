"""Activations: a line below and a line above each, valid between two bounds."""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

ROUNDING = 2.0**-18
"""Every bound is loosened by this share of the sizes of all terms: 64 times the unit roundoff of
float32; sums of thousands of terms were measured to err by less than one roundoff."""


class Lines(NamedTuple):
    """``low_slope`` x + ``low_shift`` <= f(x) <= ``up_slope`` x + ``up_shift``; all (n, *shape)."""

    low_slope: Tensor
    low_shift: Tensor
    up_slope: Tensor
    up_shift: Tensor


class Curve(NamedTuple):
    """A monotone activation: ``function``, and its lines between (low, high).

    ``bend`` is the slope left of 0 of a ReLU (0) or a leaky ReLU, whose lower line may have any
    slope from there to 1; None for activations with a fixed lower line.
    """

    function: Callable[[Tensor], Tensor]
    lines: Callable[[Tensor, Tensor], Lines]
    bend: float | None = None


def rectifier(bend: float = 0.0) -> Curve:
    """Return the ReLU, leaky with slope ``bend`` left of 0; raises ValueError outside [0, 1]."""
    if not 0 <= bend <= 1:  # below 0 it is not monotone
        raise ValueError(f"a leaky ReLU of slope {bend:g}")

    def function(x: Tensor) -> Tensor:
        return torch.where(x > 0, x, bend * x)

    def lines(low: Tensor, high: Tensor) -> Lines:
        """Adaptive as in CROWN: the lower line with the smaller area (Zhang et al. 2018)."""
        on, off = low >= 0, high <= 0
        chord = (high - bend * low) / (high - low).clamp_min(torch.finfo(low.dtype).tiny)
        chord = torch.where(on, 1, torch.where(off, bend, chord))
        near = torch.where(high > -low, 1.0, bend)
        low_slope = torch.where(on, 1, torch.where(off, bend, near)).to(low)
        # The chord is rounded: the error is added at the end where it is larger.
        lacks = torch.maximum((1 - chord) * high, (bend - chord) * low)
        shift = torch.where(on | off, 0, lacks * (1 + 8 * ROUNDING))
        return Lines(low_slope, torch.zeros_like(low), chord, shift)

    return Curve(function, lines, bend)


def sigmoid() -> Curve:
    """Return the logistic function."""
    return _s_shaped(torch.sigmoid, lambda x: torch.sigmoid(x) * torch.sigmoid(-x), 0.5)


def tanh() -> Curve:
    """Return the hyperbolic tangent."""
    return _s_shaped(torch.tanh, lambda x: 1 - torch.tanh(x).square(), 0.0)


def _s_shaped(
    function: Callable[[Tensor], Tensor], slope: Callable[[Tensor], Tensor], middle: float
) -> Curve:
    """Return a function that is convex left of 0, concave right of 0, odd around ``middle``."""

    def odd(x: Tensor) -> Tensor:
        return function(x) - middle

    def lines(low: Tensor, high: Tensor) -> Lines:
        up_slope, up_shift = _above(odd, slope, low, high)
        low_slope, low_shift = _above(odd, slope, -high, -low)
        return Lines(low_slope, middle - low_shift, up_slope, middle + up_shift)

    return Curve(function, lines)


def _above(
    odd: Callable[[Tensor], Tensor], slope: Callable[[Tensor], Tensor], low: Tensor, high: Tensor
) -> tuple[Tensor, Tensor]:
    """Return slope and shift of a line above an odd s-shaped function on [low, high].

    The chord if it is above; else a tangent right of 0 that passes above the left end: at the
    middle if all is concave, else at the leftmost such point, by bisection.
    """
    wide = (high - low).clamp_min(1e-6)
    chord = ((odd(high) - odd(low)) / wide).clamp_min(0)
    good = high.clamp_min(0)
    bad = torch.zeros_like(good)
    for _ in range(30):
        middle = (good + bad) / 2
        passes = slope(middle) * (low - middle) + odd(middle) >= odd(low)
        good, bad = torch.where(passes, middle, good), torch.where(passes, bad, middle)
    touch = torch.where(low >= 0, (low + high) / 2, good)
    convex = (high <= 0) | ((low < 0) & (slope(high) >= chord)) | (high - low < 1e-6)
    steep = torch.where(convex, chord, slope(touch))
    at = torch.where(convex, low, touch)
    shift = odd(at) - steep * at
    # A chord is computed at one end: it must be above at the other one too.
    ends = torch.maximum(odd(low) - steep * low, odd(high) - steep * high)
    return steep, torch.maximum(shift, ends) + ROUNDING * (1 + steep * at.abs())
