"""Gradient methods: the gradient of a score, averaged, or integrated."""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from advkit.engine.gradient import evaluate
from advkit.engine.norms import rows
from advkit.engine.relu import Backward, ruled
from advkit.engine.seeding import keys, normal, uniform
from advkit.errors import UsageError
from advkit.insight.method_input import Look, each_draw

MOST_STEPS = 200


def gradient(look: Look) -> Tensor:
    """Return d score / d pixel, shape of x (Simonyan et al. 2013, arXiv:1312.6034)."""
    return evaluate(look.objective, look.x).gradient


def gradient_times_input(look: Look) -> Tensor:
    """Return gradient times pixel, shape of x (Shrikumar et al. 2017): exact for w.x."""
    return gradient(look) * look.x


def deconvnet(look: Look) -> Tensor:
    """Return the deconvnet projection, shape of x (Zeiler and Fergus 2014).

    The backward pass rectifies the gradient instead of masking it by the forward pass; max-pooling
    uses its switches. Raises InapplicableError for nets without ReLU.
    """
    return _ruled(look, "deconvnet")


def guided_backprop(look: Look) -> Tensor:
    """Return guided backpropagation, shape of x (Springenberg et al. 2015, arXiv:1412.6806).

    Only positive gradients pass, and only through active ReLUs. Raises InapplicableError for nets
    without ReLU.
    """
    return _ruled(look, "guided_backprop")


def _ruled(look: Look, rule: Backward) -> Tensor:
    return evaluate(ruled(look.objective, rule), look.x).gradient


def smooth_grad(look: Look, *, draws: int = 32, noise: float = 0.15) -> Tensor:
    """Return the mean gradient at noisy copies, shape of x (Smilkov et al. 2017).

    The noise is normal; its deviation is ``noise`` times the range of each image. Every second draw
    is the negative of the one before (antithetic sampling).
    """
    return _moments(look, draws, noise)[0].to(look.x)


def var_grad(look: Look, *, draws: int = 32, noise: float = 0.15) -> Tensor:
    """Return the variance of the gradient at noisy copies, shape of x (Adebayo et al. 2018)."""
    mean, square = _moments(look, draws, noise)
    return (square - mean.square()).clamp_min(0).to(look.x)


def _moments(look: Look, draws: int, noise: float) -> tuple[Tensor, Tensor]:
    x, shape = look.x, look.x.shape[1:]
    spread = noise * (x.flatten(1).amax(1) - x.flatten(1).amin(1))
    drawn = keys(look.seed, look.ids, x, "smooth_grad")

    def points(who: Tensor, which: Tensor) -> Tensor:
        pairs = list(zip(who.tolist(), which.tolist(), strict=True))
        steps = {(i, k // 2): normal(drawn[i : i + 1], shape, k // 2).to(x) for i, k in pairs}
        noisy = torch.cat([steps[i, k // 2] * (1 - 2 * (k % 2)) for i, k in pairs])
        return x[who] + rows(spread[who], x) * noisy

    mean, square = x.new_zeros(2, *x.shape, dtype=torch.float64)  # their difference may be tiny
    for who, _, slope in each_draw(look, points, draws):
        slope = slope.double() / draws
        mean.index_add_(0, who, slope)
        square.index_add_(0, who, draws * slope.square())
    return mean, square


class Integrated(NamedTuple):
    """Integrated gradients, and the error of their sum (completeness)."""

    values: Tensor
    """Shape of x."""
    gap: Tensor
    """(n,): | sum of values - (score at x - score at the baseline) |."""
    rise: Tensor
    """(n,): score at x - score at the baseline."""
    steps: Tensor
    """(n,): number of points that were needed."""


def integrated_gradients(
    look: Look, *, steps: int = 50, baseline: float = 0.0, tolerance: float = 0.05
) -> Tensor:
    """Return integrated gradients from a constant image, shape of x; see `integrate`."""
    return integrate(look, steps=steps, baseline=baseline, tolerance=tolerance).values


def integrate(
    look: Look,
    *,
    steps: int = 50,
    baseline: float | Tensor = 0.0,
    tolerance: float = 0.05,
) -> Integrated:
    """Integrate the gradient on the line from a baseline (Sundararajan et al. 2017).

    Gauss-Legendre with ``steps`` points, doubled up to 200 for samples whose sum differs from the
    difference of the score by more than ``tolerance`` of it (completeness). ``baseline`` is a pixel
    value, or images (n, ...).
    """
    x = look.x
    start = torch.as_tensor(baseline, dtype=x.dtype, device=x.device).expand_as(x)
    rise = _value(look, x) - _value(look, start)
    values, gap = torch.zeros_like(x), torch.full_like(rise, torch.inf)
    needed, left = torch.full_like(rise, steps, dtype=torch.int64), torch.arange(len(x))
    while len(left):
        some = _some(look, left)
        values[left] = _along(some, start[left], steps)
        gap[left] = (values[left].flatten(1).sum(1) - rise[left]).abs()
        needed[left] = steps
        steps *= 2
        missed = gap[left] > tolerance * rise[left].abs() + 1e-6
        left = left[missed.cpu()] if steps <= MOST_STEPS else left[:0]
    return Integrated(values, gap, rise, needed)


def _value(look: Look, x: Tensor) -> Tensor:
    return evaluate(look.objective, x, gradient=False).value


def _some(look: Look, who: Tensor) -> Look:
    ids = None if look.ids is None else [look.ids[i] for i in who.tolist()]
    return look._replace(x=look.x[who], objective=look.asking(who), ids=ids)


def _along(look: Look, start: Tensor, steps: int) -> Tensor:
    at, weights = np.polynomial.legendre.leggauss(steps)
    share = torch.as_tensor((at + 1) / 2).to(look.x)
    weight = torch.as_tensor(weights / 2).to(look.x)
    way, total = look.x - start, torch.zeros_like(look.x)

    def points(who: Tensor, which: Tensor) -> Tensor:
        return start[who] + rows(share[which], look.x) * way[who]

    for who, which, slope in each_draw(look, points, steps):
        total.index_add_(0, who, rows(weight[which], slope) * slope)
    return way * total


def expected_gradients(look: Look, background: Tensor, *, draws: int = 100) -> Tensor:
    """Return integrated gradients averaged over baselines, shape of x (Erion et al. 2021).

    Each draw takes one image of ``background`` (m, ...) and one point of the line from it, both at
    random.
    """
    x = look.x
    if not len(background) or background.shape[1:] != x.shape[1:]:
        raise UsageError(
            f"the background has shape {tuple(background.shape)}, the images {tuple(x.shape)}",
            "give images of the same shape, one at least",
        )
    chance = uniform(keys(look.seed, look.ids, x, "expected"), (draws, 2))
    start = (chance[..., 0] * len(background)).long()
    # One point per stratum: the same expectation as uniform points, with less variance.
    share = ((torch.arange(draws, device=x.device) + chance[..., 1]) / draws).to(x)

    def points(who: Tensor, which: Tensor) -> Tensor:
        begin = background[start[who, which]]
        return begin + rows(share[who, which], x) * (x[who] - begin)

    total = torch.zeros_like(x)
    for who, which, slope in each_draw(look, points, draws):
        total.index_add_(0, who, slope * (x[who] - background[start[who, which]]) / draws)
    return total
