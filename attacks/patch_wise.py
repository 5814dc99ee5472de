"""PI-FGSM: long steps, whose excess over the budget goes to the surrounding pixels."""

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from advkit.attacks.transfer_walk import Scene, Way, travel
from advkit.engine import Point, Rule, rows
from advkit.engine.objectives import Model
from advkit.engine.transforms import as_images


def pifgsm(
    model: Model,
    x: Tensor,
    y: Tensor,
    *,
    eps: float | Tensor,
    norm: Literal["Linf"] = "Linf",
    targets: Tensor | None = None,
    seed: int = 0,
    ids: Sequence[str] | None = None,
    steps: int = 10,
    step: float = 0.1,
    loss: Literal["ce", "dlr", "margin", "probability"] = "ce",
    decay: float = 1.0,
    amplification: float = 5.0,
    width: int = 3,
) -> Tensor:
    """Return the last iterate of steps that are too long on purpose (Gao et al. 2020).

    Steps are ``amplification`` times ``step``. What they would add beyond ``eps`` is passed on to
    the surrounding pixels, in a square ``width`` wide, so that whole patches change alike.

    Knows: gradients
    Cost: steps + 2 forward, steps backward
    Use: examples for adversarially trained nets and for nets that rely on coarse structure.
    Fails: at small ``eps``, where there is no excess to pass on.
    Paper: Gao et al. 2020, arXiv:2007.06765
    """
    way = patch_wise(Way(decay=decay), amplification=amplification, width=width)
    return travel(way, model, x, y, eps=eps, norm=norm, targets=targets, seed=seed, ids=ids,
                  steps=steps, step=step, loss=loss)  # fmt: skip


def patch_wise(way: Way, *, amplification: float = 5.0, width: int = 3) -> Way:
    """Return ``way`` with moves of ``amplification`` steps, their excess passed to neighbours."""

    def rule(scene: Scene) -> Rule:
        def update(point: Point, spent: Tensor) -> tuple[Tensor, Tensor]:
            length = rows(amplification * scene.step, point.x)
            move = length * point.gradient.sign()
            spent = spent + move
            excess = (spent.abs() - rows(scene.radius, spent)).clamp_min(0) * spent.sign()
            handed = length * around(excess, width).sign()
            return point.x + move + handed, spent + handed

        return Rule(torch.zeros_like, update)

    return way._replace(move=rule)


def around(values: Tensor, width: int) -> Tensor:
    """Return for every pixel the sum of the others in the square around it, ``width`` wide."""
    x, reach = as_images(values), width // 2
    wide, total = F.pad(x, [reach] * 4), torch.zeros_like(x)
    height, length = x.shape[2:]
    for down in range(2 * reach + 1):
        for right in range(2 * reach + 1):
            if (down, right) != (reach, reach):
                total = total + wide[:, :, down : down + height, right : right + length]
    return total.reshape(values.shape)
