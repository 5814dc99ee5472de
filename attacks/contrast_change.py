"""Contrast: the image fades towards its mean grey, or is stretched away from it."""

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor

from advkit.attacks.severity import Family, Quest, nearest_member
from advkit.engine import rows
from advkit.engine.objectives import Model


def contrast(
    model: Model,
    x: Tensor,
    y: Tensor,
    *,
    eps: float | Tensor | None = None,
    norm: Literal["L2", "Linf", "L1"] = "L2",
    targets: Tensor | None = None,
    seed: int = 0,
    ids: Sequence[str] | None = None,
    rungs: int = 20,
    bisections: int = 10,
    grey: Literal["mean", "middle"] = "mean",
) -> Tensor:
    """Return the nearest adversarial image of lower or higher contrast (after Rauber et al. 2017).

    There are two directions. In one the image fades to a uniform grey; in the other its difference
    from this grey is multiplied, and clipped, until only black and white are left. ``grey`` is the
    mean of all entries of the image, or 1/2. Each direction is tried in ``rungs`` equal steps, as
    far as ``eps`` allows; then the interval between the last step that does not fool and the first
    that does is halved ``bisections`` times, at additional passes.

    Knows: scores
    Cost: 1 + 2 * rungs forward, 0 backward
    Use: a baseline; whether a net relies on the brightness and contrast of an image.
    Fails: on nets that normalise each image; misses a fooling range that is narrower than a step.
    Paper: Rauber et al. 2017, arXiv:1707.04131
    """
    if not len(x):
        return x
    flat = x.flatten(1)
    centre = rows(flat.mean(1) if grey == "mean" else torch.full_like(flat[:, 0], 0.5), x)

    def faded(which: Tensor, severity: Tensor) -> Tensor:
        return (x[which] + rows(severity, x) * (centre[which] - x[which])).clamp(0, 1)

    def stretched(which: Tensor, severity: Tensor) -> Tensor:
        gain = 1 / (1 - severity).clamp_min(1e-6)
        return (centre[which] + rows(gain, x) * (x[which] - centre[which])).clamp(0, 1)

    families = (Family(faded, rungs), Family(stretched, rungs))
    return nearest_member(Quest(model, x, y, targets, norm), families, eps, bisections)
