"""SVRE: momentum on several nets, with reduced variance of gradients between them."""

from collections.abc import Sequence
from typing import Any, Literal

import torch
from torch import Tensor

from advkit.attacks.transfer_walk import Look, Scene, Way, travel
from advkit.engine import NORMS, rows
from advkit.engine.objectives import Model
from advkit.engine.seeding import uniform


def svre(
    model: Model,
    x: Tensor,
    y: Tensor,
    *,
    eps: float | Tensor,
    norm: Literal["Linf", "L2"] = "Linf",
    targets: Tensor | None = None,
    seed: int = 0,
    ids: Sequence[str] | None = None,
    steps: int = 10,
    step: float = 0.1,
    loss: Literal["ce", "dlr", "margin", "probability"] = "ce",
    decay: float = 1.0,
    inner: int = 4,
) -> Tensor:
    """Return the last iterate on several nets with variance reduction (Xiong et al. 2022).

    Between two steps there is an inner run of ``inner`` steps per net. Each follows the gradient of
    one net drawn at random, minus the difference between that net's gradient and the mean at the
    start of the inner run. The outer step follows the sum of these. ``model`` as in `ens`; the cost
    is given for one net.

    Knows: gradients
    Cost: (inner + 1) * steps + 2 forward, (inner + 1) * steps backward
    Use: several nets that disagree.
    Fails: with a single net, for which it is a slow `mifgsm`.
    Paper: Xiong et al. 2022, arXiv:2111.10752
    """
    way = variance_reduced(Way(decay=decay), inner=inner)
    return travel(way, model, x, y, eps=eps, norm=norm, targets=targets, seed=seed, ids=ids,
                  steps=steps, step=step, loss=loss)  # fmt: skip


def variance_reduced(way: Way, *, inner: int = 4) -> Way:
    """Return ``way`` with gradients accumulated by an inner loop over the nets."""

    def estimate(
        _look: Look, x: Tensor, number: int, memory: Any, scene: Scene
    ) -> tuple[Tensor, Any]:
        nets, geometry = scene.each, NORMS[scene.norm]
        own = [look(x, number) for look in nets]
        mean = torch.stack(own).mean(0)
        draws = uniform(scene.luck, (max(inner * len(nets), 1),), number)[0]
        place, total = x, mean if not inner else torch.zeros_like(x)
        for k, draw in enumerate(draws.tolist() if inner else []):
            net = int(draw * len(nets))
            total = total + nets[net](place, number + k + 1) - own[net] + mean
            moved = place + rows(scene.step, x) * geometry.steepest(total)
            place = geometry.confine(moved, scene.start, scene.radius)
        return total, memory

    return way._replace(estimate=estimate)
