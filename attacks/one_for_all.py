"""Universal: one perturbation for all samples."""

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor

from advkit.attacks.walks import radii
from advkit.engine import NORMS, evaluate, rows
from advkit.engine.objectives import Model, margin
from advkit.engine.rules import cosine


def universal(
    model: Model,
    x: Tensor,
    y: Tensor,
    *,
    eps: float | Tensor,
    norm: Literal["Linf", "L2"] = "Linf",
    targets: Tensor | None = None,
    seed: int = 0,
    ids: Sequence[str] | None = None,
    steps: int = 100,
    step: float = 0.2,
) -> Tensor:
    """Return the samples under the one perturbation that fools most of them (Shafahi et al. 2020).

    The perturbation is learnt on these very samples (`learn_universal`), so the result says nothing
    of others: for that, learn on one set and add ``eps`` times the pattern to another. Every result
    depends on the whole set.

    Knows: gradients of all samples
    Cost: steps + 1 forward, steps backward
    Use: whether one pattern, printed once, breaks a model.
    Fails: at ``eps`` where every image needs its own perturbation.
    Paper: Moosavi-Dezfooli et al. 2017, arXiv:1610.08401; Shafahi et al. 2020, arXiv:1811.11304
    """
    if not len(x):
        return x
    radius = radii(eps, x)
    pattern = learn_universal(
        model, x, y, eps=radius, norm=norm, targets=targets, steps=steps, step=step
    )
    return _under(pattern, x, radius)


def learn_universal(
    model: Model,
    x: Tensor,
    y: Tensor,
    *,
    eps: float | Tensor,
    norm: str = "Linf",
    targets: Tensor | None = None,
    steps: int = 100,
    step: float = 0.2,
) -> Tensor:
    """Return a perturbation (1, ...) of size one in ``norm``, to be multiplied by ``eps``.

    Of ``steps`` + 1 perturbations, starting from zero, it is the one that fools most samples. Each
    step follows the steepest direction of the sum of the gradients of all margins that are not yet
    over the boundary, each gradient divided by its L1 size so that no sample outweighs another, and
    is projected onto the ball; its length is annealed from ``step`` to zero by a cosine. Ends when
    all samples are fooled.
    """
    geometry, radius = NORMS[norm], radii(eps, x)
    pattern = torch.zeros_like(x[:1])
    best, most = pattern, -1
    one = torch.ones(1, dtype=x.dtype, device=x.device)
    for move in range(steps + 1):
        point = evaluate(margin(model, y, targets), _under(pattern, x, radius), move < steps)
        fooled = point.value > 0
        if int(fooled.sum()) > most:
            best, most = pattern, int(fooled.sum())
        if move == steps or bool(fooled.all()):
            break
        pull = point.gradient / rows(NORMS["L1"].size(point.gradient).clamp_min(1e-30), x)
        pull = torch.where(rows(fooled, x), 0.0, pull).sum(0, keepdim=True)
        length = step * cosine(move, steps)
        pattern = geometry.project(pattern + length * geometry.steepest(pull), one)
    return best


def _under(pattern: Tensor, x: Tensor, radius: Tensor) -> Tensor:
    return (x + rows(radius, x) * pattern).clamp(0, 1)
