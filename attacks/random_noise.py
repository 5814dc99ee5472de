"""Noise: a baseline that every real attack must beat."""

from collections.abc import Sequence
from typing import Literal

from torch import Tensor

from advkit.attacks.walks import Found, radii, repeated
from advkit.engine import NORMS, evaluate, rows
from advkit.engine.objectives import Model, margin
from advkit.engine.seeding import keys, normal, signs


def noise(
    model: Model,
    x: Tensor,
    y: Tensor,
    *,
    eps: float | Tensor,
    norm: Literal["Linf", "L2", "L1"] = "Linf",
    targets: Tensor | None = None,
    seed: int = 0,
    ids: Sequence[str] | None = None,
    draws: int = 10,
) -> Tensor:
    """Return the best of ``draws`` random points, alternately corners of the ball and Gaussians.

    Corners are random signs of full size; Gaussians have standard deviation ``eps`` (Linf) or are
    scaled to it. Forward passes only.

    Knows: scores
    Cost: draws forward, 0 backward
    Use: a baseline; a model that noise fools needs no attack.
    Fails: nearly always in high dimension.
    Paper: Fawzi et al. 2016, arXiv:1608.08967
    """
    if not len(x):
        return x
    geometry, radius, stream = NORMS[norm], radii(eps, x), keys(seed, ids, x, "noise")

    def walk(index: Tensor, draw: int) -> Found:
        x0, y0, r0 = x[index], y[index], radius[index]
        t0 = None if targets is None else targets[index]
        d = (normal if draw % 2 else signs)(stream[index], x.shape[1:], draw)
        if norm != "Linf":
            d = d / rows(geometry.size(d), d)
        tried = geometry.confine(x0 + rows(r0, x0) * d.to(x.dtype), x0, r0)
        return Found(tried, evaluate(margin(model, y0, t0), tried, gradient=False).value)

    return repeated(walk, x, draws).x
