"""PGD from corners of the ball whose signs are alike over cells: coarse patterns, not noise."""

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor

from advkit.attacks.walks import Found, radii, repeated, strongest_point
from advkit.engine import NORMS, rows, take
from advkit.engine.objectives import LOSSES, Model
from advkit.engine.rules import annealed, ball, within
from advkit.engine.seeding import keys, signs

CELLS = 7  # along each side of an image


def coarse_pgd(
    model: Model,
    x: Tensor,
    y: Tensor,
    *,
    eps: float | Tensor,
    norm: Literal["Linf", "L2"] = "Linf",
    targets: Tensor | None = None,
    seed: int = 0,
    ids: Sequence[str] | None = None,
    steps: int = 20,
    step: float = 1.0,
    loss: Literal["ce", "dlr", "margin", "probability"] = "margin",
    restarts: int = 3,
) -> Tensor:
    """Return the best of ``steps`` + 1 points per restart from coarse corners (of this project).

    A walk begins at full distance, with one random sign for each of 7 x 7 cells of each channel (of
    what is not an image: for each of 7 stretches), and goes along the gradient in steps that fall
    from ``step`` times ``eps`` to nothing by a cosine. Where a net was trained against single
    steps, its gradients near the image and its noise lead nowhere; coarse patterns average out in
    no layer, and from there the way is open. It is how Square begins, with gradients.

    Knows: gradients
    Cost: restarts * (steps + 1) forward, restarts * steps backward
    Use: many cheap walks from places that differ, where other white-box attacks agree too soon.
    Fails: alone it is weaker than `apgd`: its walks are short.
    Paper: none, it is of this project; compare Andriushchenko et al. 2020, arXiv:1912.00049
    """
    if not len(x):
        return x
    radius, stream = radii(eps, x), keys(seed, ids, x, "coarse_pgd")
    objective = LOSSES[loss](model, y, targets)

    def walk(index: Tensor, restart: int) -> Found:
        x0, y0, r0, key = take((x, y, radius, stream), index)
        t0 = None if targets is None else targets[index]
        start = coarse_corner(norm, key, x0, r0, restart)
        moves = annealed(NORMS[norm].steepest, step * r0, steps)
        rule = within(moves, ball(NORMS[norm], x0, r0))
        return strongest_point(take(objective, index), start, rule, steps, y0, t0)

    return repeated(walk, x, restarts).x


def coarse_corner(norm: str, key: Tensor, x: Tensor, radius: Tensor, number: int) -> Tensor:
    """Return a point of the ball's surface whose signs are alike over cells, cut by the box.

    Images are (n, ..., height, width); what has fewer sides is cut along its last.
    """
    shape, cut = list(x.shape[1:]), range(1 if x.ndim < 3 else 2)
    wide = [-(-shape[-1 - side] // CELLS) for side in cut]
    for side, width in zip(cut, wide, strict=True):
        shape[-1 - side] = -(-shape[-1 - side] // width)
    away = signs(key, shape, number).to(x.dtype)
    for side, width in zip(cut, wide, strict=True):
        at = torch.arange(x.shape[-1 - side], device=x.device) // width
        away = away.index_select(-1 - side, at)
    geometry = NORMS[norm]
    away = rows(radius, x) * away / rows(geometry.size(away), x)
    return geometry.confine(x + away, x, radius)
