"""Sigma-zero: Adam on a smooth count of the changed entries, then swaps."""

from collections.abc import Sequence
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from advkit.attacks.minimum import Nearest, enough, nearest_of, nearest_point, within
from advkit.attacks.sparse_search import PUSH, begin, search
from advkit.attacks.sparse_swaps import swaps as swapping
from advkit.attacks.sparse_units import by_place, places_moved
from advkit.engine import Point, Rule
from advkit.engine.objectives import Model, margin, margins
from advkit.engine.rules import Moments, cosine
from advkit.engine.seeding import keys


def sigma_zero(
    model: Model,
    x: Tensor,
    y: Tensor,
    *,
    eps: float | Tensor | None = None,
    norm: Literal["L0"] = "L0",
    targets: Tensor | None = None,
    seed: int = 0,
    ids: Sequence[str] | None = None,
    steps: int = 200,
    step: float = 1.0,
    sigma: float = 1e-3,
    threshold: float = 0.3,
    pace: float = 0.01,
    swaps: int = 40,
    unit: Literal["features", "pixels"] = "features",
) -> Tensor:
    """Return the adversarial example with the fewest entries, by a smooth count (Cina et al. 2025).

    Starts from ``x`` itself. ``steps`` of Adam maximise the margin, while it does not fool yet,
    minus the mean over the entries d of the perturbation of d^2 / (d^2 + ``sigma``). The gradient
    is scaled to a largest entry of one, and the step falls from ``step`` to a tenth of it by a
    cosine. After each step, entries below a threshold are reset. The threshold starts at
    ``threshold``, rises by ``pace`` times the step if the last point fooled, and falls by as much
    if not. So far the paper; then ``swaps`` rounds drop or exchange entries of the best point one
    by one, as `thinning` does (on nets trained against perturbations they halve the count; 0 omits
    them). ``unit`` "pixels" counts the root of the sum of squares over the channels of a pixel, and
    resets a pixel when none of its channels reaches the threshold.

    Knows: gradients
    Cost: 1 + steps + 4 * swaps forward, steps + swaps backward
    Use: the reference in L0, and a second opinion on `thinning`: it can use grey values.
    Fails: with few steps, and where the margin has no gradient.
    Paper: Cina et al. 2025, arXiv:2402.01879
    """
    if not len(x):
        return x
    stop, stream = enough(eps, x), keys(seed, ids, x, "sigma_zero")

    rule = _smooth(_State.of(x, y, targets, threshold, unit), steps, step, sigma, pace)
    objective = margin(model, y, targets)
    first = nearest_point(objective, x, rule, steps, x, y, targets, norm, stop)

    def finish(index: Tensor, _number: int) -> Nearest:
        aim = () if targets is None else (targets[index],)
        x0, start = by_place(x[index], unit), by_place(first.x[index], unit)
        s = begin(x0, y[index], aim, aim, stop[index], stream[index])
        size = first.distance[index]
        places = places_moved(start, x0).where(size.isfinite(), torch.inf)
        s = s._replace(found=start, size=size, fewest=places)
        return search(model, s, x.shape[1:], swapping(swaps, PUSH, 0))

    return within(nearest_of(finish, x, 1, stop, first), x, eps)


class _State(NamedTuple):
    x: Tensor  # (n, channels, places)
    moments: Moments
    threshold: Tensor
    y: Tensor
    targets: tuple[Tensor, ...]

    @classmethod
    def of(
        cls, x: Tensor, y: Tensor, targets: Tensor | None, threshold: float, unit: str
    ) -> "_State":
        view = by_place(x, unit)
        at = torch.full((len(x),), threshold, dtype=x.dtype, device=x.device)
        return cls(view, Moments.none(view), at, y, () if targets is None else (targets,))


def _smooth(start: _State, steps: int, step: float, sigma: float, pace: float) -> Rule:
    def update(point: Point, s: _State) -> tuple[Tensor, _State]:
        fooled = margins(point.output, s.y, *s.targets) > 0
        here, gradient = point.x.reshape(s.x.shape), point.gradient.reshape(s.x.shape)
        slope = torch.where(fooled[:, None, None], 0.0, gradient) - _pull(here - s.x, sigma)
        slope = slope / slope.abs().amax((1, 2), keepdim=True).clamp_min(1e-12)
        moments = s.moments.add(slope)
        move = moments.mean / moments.bias / moments.spread
        ahead = (here + _length(moments.number - 2, steps, step) * move).clamp(0, 1)
        change = pace * _length(moments.number - 1, steps, step)
        least = (s.threshold + torch.where(fooled, change, -change)).clamp(0, 1)
        small = (ahead - s.x).abs().amax(1, keepdim=True) < least[:, None, None]
        ahead = torch.where(small, s.x, ahead).reshape(point.x.shape)
        return ahead, s._replace(moments=moments, threshold=least)

    return Rule(lambda _start: start, update)


def _pull(d: Tensor, sigma: float) -> Tensor:
    """Return the gradient of the smooth count of changed places, divided by their number."""
    size = d.square().sum(1, keepdim=True)
    return 2 * sigma * d / (size + sigma).square() / d.shape[2]


def _length(done: int, steps: int, step: float) -> float:
    """Return the length of the next step; as published, the first two are equal."""
    return step * (0.1 + 0.9 * cosine(max(done, 0), steps))
