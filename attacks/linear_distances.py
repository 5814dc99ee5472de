"""Exact distances of a linear model: from every image to the nearest misclassified point.

They need only the weights, no attack. `worst_margin` is the converse: the highest margin within
eps, by the dual norm, which no attack can exceed.
"""

import torch
from torch import Tensor

from advkit.attacks.linear_crossings import nearest_crossing
from advkit.attacks.linear_targets import nearest_in_all
from advkit.attacks.minimum import Nearest
from advkit.engine import NORMS
from advkit.engine.objectives import margins
from advkit.engine.projections import furthest

NUMBERS = 4_000_000
"""Numbers in the slopes of boundaries held at once, over samples, classes and inputs."""


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
    """Return the nearest points at which x W' + b no longer predicts ``y``, with distances (n,).

    ``weight`` (K, d), ``bias`` (K,), ``x`` (n, ...) with d entries each; computed in float64. The
    points lie on the boundary itself. With ``targets`` (n,), where the target's logit is as high as
    every other; with more than two classes that is one linear, quadratic (L2) or mixed-integer (L0)
    program per image. 0 if it is so already; infinity if the box [0, 1] holds no such point.
    """
    weight, bias, z = weight.double(), bias.double(), x.flatten(1).double()
    parts = [
        _nearest(
            weight, bias, z[rows], y[rows], None if targets is None else targets[rows], norm, box
        )
        for rows in _slices(len(z), weight.numel())
    ]
    if not parts:
        return Nearest(z.view(x.shape), z.new_zeros(0))
    points, sizes = (torch.cat(column) for column in zip(*parts, strict=True))
    return Nearest(points.view(x.shape), sizes)


def _nearest(
    weight: Tensor, bias: Tensor, x: Tensor, y: Tensor, targets: Tensor | None, norm: str, box: bool
) -> Nearest:
    slopes, gains = _apart(weight, x @ weight.T + bias, y if targets is None else targets)
    if targets is None:
        return nearest_crossing(norm, x, slopes, gains, box=box)
    if gains.shape[1] == 1:
        return nearest_crossing(norm, x, -slopes, -gains, box=box)
    return in_all(norm, x, -slopes, -gains, box=box)


def _slices(n: int, size: int) -> list[slice]:
    """Split ``n`` samples, with ``size`` numbers each, into parts that fit into memory."""
    step = max(NUMBERS // size, 1)
    return [slice(at, at + step) for at in range(0, n, step)]


def _apart(weight: Tensor, logits: Tensor, classes: Tensor) -> tuple[Tensor, Tensor]:
    """Return the differences of weights to every other class, and the gains needed."""
    others = other_classes(classes, logits.shape[1])
    slopes = weight[others] - weight[classes][:, None]
    return slopes, logits.gather(1, classes[:, None]) - logits.gather(1, others)


def other_classes(classes: Tensor, n_classes: int) -> Tensor:
    """Return all classes but that of each sample, ascending, (n, n_classes - 1)."""
    others = torch.arange(n_classes - 1, device=classes.device).expand(len(classes), -1)
    return others + (others >= classes[:, None])


def in_all(norm: str, x: Tensor, slopes: Tensor, gains: Tensor, *, box: bool = True) -> Nearest:
    """Return the nearest points at which all k functions have their gain, sample by sample."""
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
    """Return the highest margin (`margins`) of any point in ball and box, (n,), in float64.

    An image is certified within ``eps`` if and only if it is below 0. Linf by signs, L2 by
    water-filling, L1 and L0 by the entries that gain most.
    """
    weight, bias, z = weight.double(), bias.double(), x.flatten(1).double()
    parts = [
        _worst(weight, bias, z[rows], y[rows], eps, norm)
        for rows in _slices(len(z), weight.numel())
    ]
    return torch.cat(parts) if parts else z.new_zeros(0)


def _worst(weight: Tensor, bias: Tensor, x: Tensor, y: Tensor, eps: float, norm: str) -> Tensor:
    slopes, _ = _apart(weight, x @ weight.T + bias, y)
    radius = torch.full((len(x),), float(eps), dtype=x.dtype, device=x.device)
    worst = torch.full_like(radius, -torch.inf)
    for slope in slopes.unbind(1):
        u = _few(x, slope, int(eps)) if norm == "L0" else furthest(norm, slope, x, radius)
        worst = torch.maximum(worst, margins(u @ weight.T + bias, y))
    return worst


def _few(x: Tensor, slope: Tensor, count: int) -> Tensor:
    wall = (slope > 0).to(x.dtype)
    gained = slope * (wall - x)
    kept = gained.argsort(dim=1, descending=True, stable=True)[:, :count]
    return x.scatter(1, kept, wall.gather(1, kept))
