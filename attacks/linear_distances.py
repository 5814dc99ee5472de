"""Exact distances of a linear model: how far every image is from being misread.

They need no attack and no model, weights alone. `certified` is the other side of the same
statement: the worst margin within eps, by the dual norm, which no attack can exceed.
"""

import torch
from torch import Tensor

from advkit.attacks.linear_crossings import nearest_crossing
from advkit.attacks.linear_targets import nearest_in_all
from advkit.attacks.minimum import Nearest
from advkit.engine import NORMS
from advkit.engine.objectives import margins
from advkit.engine.projections import furthest


def exact_nearest(
    weight: Tensor,
    bias: Tensor,
    x: Tensor,
    y: Tensor,
    norm: str,
    *,
    targets: Tensor | None = None,
    box: bool = True,
) -> Nearest:
    """Return the nearest points at which logits x W' + b no longer say ``y``, with distances (n,).

    ``weight`` (K, d), ``bias`` (K,), ``x`` (n, ...) with d entries each; computed in float64. The
    points lie on the boundary itself. With ``targets`` (n,), where the target's logit is as high as
    every other; with more than two classes that is one linear, quadratic (L2) or mixed-integer (L0)
    program per image. 0 where it is so already; infinity where the box [0, 1] holds no such point.
    """
    weight, bias, z = weight.double(), bias.double(), x.flatten(1).double()
    logits = z @ weight.T + bias
    from_, to = (y, None) if targets is None else (targets, targets)
    slopes, gains = _apart(weight, logits, from_)
    if to is None:
        found = nearest_crossing(norm, z, slopes, gains, box=box)
    elif gains.shape[1] == 1:
        found = nearest_crossing(norm, z, -slopes, -gains, box=box)
    else:
        found = in_all(norm, z, -slopes, -gains, box=box)
    return Nearest(found.x.view(x.shape), found.distance)


def _apart(weight: Tensor, logits: Tensor, classes: Tensor) -> tuple[Tensor, Tensor]:
    """Return for every other class its weights minus those of ``classes``, and what it lacks."""
    others = other_classes(classes, logits.shape[1])
    slopes = weight[others] - weight[classes][:, None]
    return slopes, logits.gather(1, classes[:, None]) - logits.gather(1, others)


def other_classes(classes: Tensor, n_classes: int) -> Tensor:
    """Return all classes but that of each sample, ascending, (n, n_classes - 1)."""
    others = torch.arange(n_classes - 1, device=classes.device).expand(len(classes), -1)
    return others + (others >= classes[:, None])


def in_all(norm: str, x: Tensor, slopes: Tensor, gains: Tensor, *, box: bool = True) -> Nearest:
    """Return the nearest points where all k functions have gained enough, sample by sample."""
    points, sizes = x.clone(), torch.full_like(gains[:, 0], torch.inf)
    for i in range(len(x)):
        each = (part[i].cpu().numpy() for part in (x, slopes, gains))
        u = nearest_in_all(norm, *each, box=box)
        if u is not None:
            points[i] = torch.from_numpy(u).to(x)
            sizes[i] = NORMS[norm].size(points[i : i + 1] - x[i : i + 1])[0]
    return Nearest(points, sizes)


def worst_margin(
    weight: Tensor, bias: Tensor, x: Tensor, y: Tensor, eps: float, norm: str
) -> Tensor:
    """Return the highest margin (`margins`) that any point of ball and box has, (n,), in float64.

    An image is certified within ``eps`` if and only if it is below 0: no attack can do more. Linf
    by signs, L2 by water-filling, L1 and L0 by the entries that gain most.
    """
    weight, bias, z = weight.double(), bias.double(), x.flatten(1).double()
    slopes, _ = _apart(weight, z @ weight.T + bias, y)
    radius = torch.full((len(z),), float(eps), dtype=z.dtype, device=z.device)
    worst = torch.full_like(radius, -torch.inf)
    for k in range(slopes.shape[1]):
        u = (
            _few(z, slopes[:, k], int(eps))
            if norm == "L0"
            else furthest(norm, slopes[:, k], z, radius)
        )
        worst = torch.maximum(worst, margins(u @ weight.T + bias, y))
    return worst


def _few(x: Tensor, slope: Tensor, count: int) -> Tensor:
    wall = (slope > 0).to(x.dtype)
    gained = slope * (wall - x)
    kept = gained.argsort(dim=1, descending=True, stable=True)[:, :count]
    return x.scatter(1, kept, wall.gather(1, kept))
