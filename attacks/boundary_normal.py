"""The normal of a decision boundary, estimated from decisions around one of its points."""

import math
from typing import NamedTuple

import torch
from torch import Tensor

from advkit.attacks.counted_queries import Hunt, ask
from advkit.attacks.low_frequencies import frequencies_kept, smooth
from advkit.attacks.orthogonal_probes import probes
from advkit.engine import NORMS, rows
from advkit.engine.objectives import Model

ROUND = 20  # queries after which the centre is moved; they form one batch


class Survey(NamedTuple):
    """Parameters of the sampling: radius, relative to the distance to ``x``, and directions.

    ``first``: the number of directions used so far. ``tangential``: only directions orthogonal to
    that from ``x``.
    """

    stream: Tensor
    first: int
    reach: float
    frequencies: tuple[int, ...]
    tangential: bool


def survey(
    stream: Tensor,
    x: Tensor,
    reach: float,
    frequencies: int,
    queries: int,
    *,
    tangential: bool,
) -> Survey:
    """Return the survey of samples ``x`` (n, ...) before its first direction."""
    kept = frequencies_kept(x.shape[1:], frequencies, queries)
    return Survey(stream, 0, reach, kept, tangential)


def normal_at(
    model: Model, norm: str, hunt: Hunt, point: Tensor, view: Survey, count: int, spare: int = 0
) -> tuple[Hunt, Tensor, Survey]:
    """Return the direction to the fooling side of the boundary at ``point`` (n, ...), unscaled.

    Queries ``count`` points per sample, but leaves it ``spare`` queries. The sum of the directions
    u that lead to a fooling point minus those that do not points along the normal, on average (Chen
    et al. 2020); the mean of all answers of a round is subtracted, and the centre of the next round
    is moved along the ray from ``x`` until half of them fool: slightly off a curved boundary all
    answers would be equal.
    """
    ray = NORMS["L2"].steepest(point - hunt.x)
    radius = view.reach * NORMS["L2"].size(point - hunt.x)
    gain = 2 / math.sqrt(math.prod(view.frequencies))
    total, shift = torch.zeros_like(point), torch.zeros_like(radius)
    for at in range(0, count, ROUND):
        centre = (point + rows(shift, point) * ray)[:, None]
        u = _directions(view, ray, min(ROUND, count - at))
        tried = (centre + rows(radius, u) * u).clamp(0, 1)
        before = (hunt.left - spare).clamp_min(0)
        wanted = torch.arange(u.shape[1], device=u.device) < before[:, None]
        hunt, fooled = ask(model, norm, hunt, tried, wanted)
        signs = torch.where(wanted, torch.where(fooled, 1.0, -1.0), 0.0).to(u.dtype)
        mean = signs.sum(1) / wanted.sum(1).clamp_min(1)
        weights = torch.where(wanted, signs - mean[:, None], 0.0)
        total = total + (weights.view(*weights.shape, *[1] * (u.ndim - 2)) * (tried - centre)).sum(
            1
        )
        shift = shift - gain * radius * mean
        view = view._replace(first=view.first + u.shape[1])
    return hunt, total, view


def _directions(view: Survey, ray: Tensor, count: int) -> Tensor:
    """Return the next ``count`` directions of each sample, (n, count, ...)."""
    shape = ray.shape[1:]
    weights = probes(view.stream, view.first, count, math.prod(view.frequencies)).to(ray.dtype)
    weights = weights.view(len(ray), count, *view.frequencies)
    # One sample at a time: matrix products must not depend on the number of samples.
    u = torch.stack([smooth(each, shape) for each in weights])
    if view.tangential:
        along = (u * ray[:, None]).flatten(2).sum(2)
        u = u - along.view(*along.shape, *[1] * len(shape)) * ray[:, None]
    return u
