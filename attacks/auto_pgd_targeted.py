"""Auto-PGD towards each of the nearest other classes in turn."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Literal

import torch
from torch import Tensor

from advkit.attacks.auto_pgd import auto_walk
from advkit.attacks.walks import Found, radii, random_start, repeated
from advkit.engine import NORMS, Objective, evaluate, take
from advkit.engine.objectives import LOSSES, Model, likeliest, margin, pick
from advkit.engine.seeding import keys

CANDIDATES = 9


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
    n_targets: int = CANDIDATES,
    loss: Literal["ce", "dlr", "margin", "probability"] = "dlr",
    try_steps: int = 0,
    by_distance: bool = True,
) -> Tensor:
    """Return the best point of one `apgd` run per target (APGD-T, Croce and Hein 2020).

    The targets are chosen from the nine classes with the highest logits at ``x``: the ``n_targets``
    whose linearised boundary is nearest, i.e. with the least margin divided by the dual norm of its
    gradient (Melamed et al. 2024); without ``by_distance``, those with the highest logits. With
    ``try_steps``, nine are instead tried for that many steps each, and only the ``n_targets`` that
    came nearest get a full run: as strong at a fraction of the passes. Any misclassification
    counts, and ends the search for that sample; if ``targets`` is given, only those targets are
    tried.

    Knows: gradients
    Cost: 1 + min(n_targets, classes - 1) * (steps + 1)
        + min(try_steps, 1) * min(9, classes - 1) * (try_steps + 2)
        + by_distance * (1 - min(try_steps, 1)) forward,
        min(n_targets, classes - 1) * steps + min(9, classes - 1) * try_steps
        + by_distance * (1 - min(try_steps, 1)) * min(9, classes - 1) backward
    Use: the strongest gradient attack inside a known ``eps``; with ``try_steps`` at little cost.
    Fails: where gradients vanish or mislead.
    Paper: Croce and Hein 2020, arXiv:2003.01690
    """
    if not len(x):
        return x
    radius, stream = radii(eps, x), keys(seed, ids, x, "apgd_targeted")

    def walk(index: Tensor, aim: Tensor, number: int, count: int) -> Found:
        x0, y0, r0, key = take((x, y, radius, stream), index)
        start = random_start(norm, key, x0, r0, stream=number, surface=True)
        goal = None if targets is None else aim
        return auto_walk(LOSSES[loss](model, y0, aim), start, x0, y0, goal, r0, norm, count)

    if targets is not None:
        return repeated(lambda index, _: walk(index, targets[index], 0, steps), x, 1).x
    clean = evaluate(margin(model, y), x, gradient=False)
    found, order = Found(x, clean.value), likeliest(clean.output, y)[:, :CANDIDATES]
    if try_steps:
        found, order = _tried(partial(walk, count=try_steps), model, x, y, order, found)
    elif by_distance:
        left = (clean.value <= 0).nonzero().squeeze(1)
        order[left] = _nearest_first(model, *take((x, y, order), left), norm)
    order = order[:, :n_targets]
    return repeated(
        lambda index, place: walk(index, order[index, place], CANDIDATES + place, steps),
        x,
        order.shape[1],
        found,
    ).x


def _tried(
    walk: Callable[[Tensor, Tensor, int], Found],
    model: Model,
    x: Tensor,
    y: Tensor,
    classes: Tensor,
    found: Found,
) -> tuple[Found, Tensor]:
    """Run to each of ``classes`` (n, k); return the best points, and the order of success."""
    gaps = torch.full(classes.shape, -torch.inf, dtype=x.dtype, device=x.device)

    def attempt(index: Tensor, place: int) -> Found:
        aim = classes[index, place]
        tried = walk(index, aim, place)
        pull = LOSSES["margin"](model, y[index], aim)
        gaps[index, place] = evaluate(pull, tried.x, gradient=False).value
        return tried

    found = repeated(attempt, x, classes.shape[1], found)
    return found, classes.gather(1, gaps.argsort(dim=1, descending=True, stable=True))


def _nearest_first(model: Model, x: Tensor, y: Tensor, classes: Tensor, norm: str) -> Tensor:
    """Order ``classes`` (n, k) by the distance of their linearised boundaries from ``x``."""

    def gaps(x: Tensor, y: Tensor, classes: Tensor) -> tuple[Tensor, Tensor]:
        logits = model(x)
        return logits.gather(1, classes) - pick(logits, y)[:, None], logits

    point = evaluate(Objective(gaps, (y, classes)), x)
    slope = NORMS[norm].dual(point.gradient.flatten(0, 1)).view_as(point.value)
    distance = (-point.value / slope.clamp_min(1e-12)).nan_to_num(torch.inf)
    return classes.gather(1, distance.argsort(dim=1, stable=True))
