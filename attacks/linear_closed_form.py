"""The exact optimum for a linear model, in closed form; for others, of the linearisation."""

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor

from advkit.attacks.linear_crossings import nearest_crossing
from advkit.attacks.linear_distances import in_all, other_classes
from advkit.attacks.minimum import Nearest, within
from advkit.engine import NORMS, Objective, evaluate, rows
from advkit.engine.objectives import Model, margin, margins

FURTHER = (0.0, 1e-6, 1e-5, 1e-4, 1e-3, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 1.0, 1.5, 2.0)
"""How far beyond the plane the points tried lie, relative to its distance."""


def linear(
    model: Model,
    x: Tensor,
    y: Tensor,
    *,
    eps: float | Tensor | None = None,
    norm: Literal["Linf", "L2", "L1", "L0"] = "Linf",
    targets: Tensor | None = None,
    seed: int = 0,
    ids: Sequence[str] | None = None,
    tries: int = 16,
) -> Tensor:
    """Return the nearest adversarial example in ball and box, exact where the logits are linear.

    Every logit is replaced by its tangent at ``x``, which for a linear model is exact. The nearest
    point of the box at which another class draws level is then known in closed form: by
    water-filling in Linf and L2, in L1 and L0 by the entries that gain most. With ``targets`` and
    more than two classes it is one small linear, quadratic or mixed-integer program per image. Up
    to ``tries`` points on the plane and slightly beyond it, on the straight line to it, are tried,
    and the first that fools is returned: on a linear model the first or second, a rounding error
    beyond the plane.

    Knows: gradients
    Cost: min(tries, 16) + 1 forward, classes - 1 backward
    Use: exact distances for logistic and softmax regression and linear SVMs; how linear a net is.
    Fails: where the net is not linear on the way: it uses the gradients at ``x`` only.
    Paper: Goodfellow et al. 2015, arXiv:1412.6572
    """
    if not len(x):
        return x
    plane = nearest_plane(model, x, y, targets, norm)
    best = Nearest(x.clone(), torch.full((len(x),), torch.inf, dtype=x.dtype, device=x.device))
    left = torch.arange(len(x), device=x.device)
    for further in FURTHER[:tries]:
        if not len(left):
            break
        goal = None if targets is None else targets[left]
        tried = _beyond(x[left], plane[left], further)
        over = evaluate(margin(model, y[left], goal), tried, gradient=False).value
        fooled = over > 0
        done = left[fooled]
        best.x[done] = tried[fooled]
        best.distance[done] = NORMS[norm].size(tried[fooled] - x[done]).to(x.dtype)
        left = left[~fooled]
    return within(best, x, eps)


def _beyond(x: Tensor, u: Tensor, further: float) -> Tensor:
    return (x.double() + (1 + further) * (u - x.double())).clamp(0, 1).to(x.dtype)


def nearest_plane(model: Model, x: Tensor, y: Tensor, targets: Tensor | None, norm: str) -> Tensor:
    """Return the nearest points of the box on the linearised boundaries, in float64.

    A misclassified sample is its own nearest point. If by the linearisation the box holds no such
    point, the nearest point outside is returned, as the model itself may differ.
    """
    point = evaluate(_gaps(model, y if targets is None else targets), x)
    sign = 1 if targets is None else -1
    slopes, gains = sign * point.gradient.flatten(2).double(), -sign * point.value.double()
    flat = x.flatten(1).double()
    # Far enough that rounding of the image cannot undo it.
    gains = gains + torch.finfo(x.dtype).eps * slopes.abs().sum(2)
    if targets is None:
        found = nearest_crossing(norm, flat, slopes, gains)
    else:
        found = in_all(norm, flat, slopes, gains)
    outside = nearest_crossing(norm, flat, slopes, gains, box=False).x
    u = torch.where(rows(found.distance.isfinite(), flat), found.x, outside)
    fooled = margins(point.output, y, targets) > 0
    return torch.where(rows(fooled, flat), flat, u).view(x.shape)


def _gaps(model: Model, classes: Tensor) -> Objective:
    """Return the logits of every other class minus that of ``classes`` (n,): (n, K - 1)."""

    def value(x: Tensor, classes: Tensor) -> tuple[Tensor, Tensor]:
        logits = model(x)
        others = logits.gather(1, other_classes(classes, logits.shape[1]))
        return others - logits.gather(1, classes[:, None]), logits

    return Objective(value, (classes,))
