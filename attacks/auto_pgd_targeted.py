"""Auto-PGD towards each of the likeliest other classes in turn."""

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor

from advkit.attacks.auto_pgd import auto_walk
from advkit.attacks.walks import Found, radii, random_start, restarted
from advkit.engine import evaluate
from advkit.engine.objectives import LOSSES, Model, margin
from advkit.engine.seeding import keys


def apgd_targeted(
    model: Model,
    x: Tensor,
    y: Tensor,
    *,
    eps: float | Tensor,
    norm: Literal["Linf", "L2", "L1"] = "Linf",
    targets: Tensor | None = None,
    seed: int = 0,
    ids: Sequence[str] | None = None,
    steps: int = 100,
    n_targets: int = 9,
    loss: Literal["ce", "dlr", "margin"] = "dlr",
) -> Tensor:
    """Return the best point of one `apgd` per target (APGD-T, Croce and Hein 2020).

    Targets are the ``n_targets`` classes, or all others if there are fewer, with the highest
    logits at ``x``. Any misclassification counts, and ends the search for that sample; with
    ``targets`` given only these are sought.
    """
    if not len(x):
        return x
    radius, stream = radii(eps, x), keys(seed, ids, x, "apgd_targeted")
    order = targets[:, None] if targets is not None else _likeliest(model, x, y, n_targets)

    def walk(index: Tensor, place: int) -> Found:
        aim = order[index, place]
        start = random_start(
            norm, stream[index], x[index], radius[index], stream=place, surface=True
        )
        objective = LOSSES[loss](model, y[index], aim)
        goal = None if targets is None else aim
        return auto_walk(objective, start, x[index], y[index], goal, radius[index], norm, steps)

    return restarted(walk, x, order.shape[1])


def _likeliest(model: Model, x: Tensor, y: Tensor, count: int) -> Tensor:
    """Return the classes other than ``y`` by falling logit at ``x``, (n, count)."""
    logits = evaluate(margin(model, y), x, gradient=False).output
    others = logits.scatter(1, y[:, None], -torch.inf)
    return others.argsort(dim=1, descending=True, stable=True)[:, : min(count, logits.shape[1] - 1)]
