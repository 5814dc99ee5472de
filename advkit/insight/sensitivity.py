"""Infidelity and max-sensitivity of a method (Yeh et al. 2019, arXiv:1901.09392)."""

from collections.abc import Callable

import torch
from torch import Tensor

from advkit.engine.gradient import evaluate
from advkit.engine.seeding import keys, normal, uniform
from advkit.insight.method_input import Look, each_draw

Method = Callable[[Look], Tensor]


def infidelity(
    look: Look, values: Tensor, *, draws: int = 64, noise: float = 0.2
) -> tuple[Tensor, Tensor]:
    """Return the infidelity of ``values`` (like x) under noise, (n,), and that of zeros, (n,).

    The mean square of (step . values - decrease of the score), after optimal scaling of ``values``:
    maps have no unit. That of zeros is for comparison. The steps are normal with deviation
    ``noise``.
    """
    x = look.x
    drawn = keys(look.seed, look.ids, x, "infidelity")

    def step(who: Tensor, which: Tensor) -> Tensor:
        steps = [
            normal(drawn[i : i + 1], x.shape[1:], int(k)) for i, k in zip(who, which, strict=True)
        ]
        return noise * torch.cat(steps).to(x)

    before = evaluate(look.objective, x, gradient=False).value
    told, fallen = x.new_zeros(2, len(x), draws).double()
    for who, which, value in each_draw(look, lambda a, b: x[a] - step(a, b), draws, gradient=False):
        told[who, which] = (step(who, which) * values[who]).flatten(1).sum(1).double()
        fallen[who, which] = (before[who] - value).double()
    scale = (told * fallen).sum(1) / told.square().sum(1).clamp_min(1e-30)
    missed = (scale[:, None] * told - fallen).square().mean(1)
    return missed, fallen.square().mean(1)


def max_sensitivity(
    look: Look,
    method: Method,
    *,
    draws: int = 8,
    radius: float = 0.02,
    first: Tensor | None = None,
) -> Tensor:
    """Return the largest change of the map under small noise, relative to its norm, (n,).

    The noise is uniform within ``radius`` of every pixel. ``first`` is the map without noise, if
    known. NaN if that is 0.
    """
    first = method(look) if first is None else first
    size = first.flatten(1).norm(dim=1)
    drawn = keys(look.seed, look.ids, look.x, "max_sensitivity")
    worst = torch.zeros_like(size)
    for k in range(draws):
        near = look.x + radius * (2 * uniform(drawn, look.x.shape[1:], k).to(look.x) - 1)
        change = (method(look._replace(x=near)) - first).flatten(1).norm(dim=1)
        worst = torch.maximum(worst, change)
    share: Tensor = worst / size.where(size > 0, torch.nan)
    return share
