"""VMI-FGSM: momentum, with gradients corrected by those of neighbours."""

from collections.abc import Sequence
from typing import Any, Literal

import torch
from torch import Tensor

from advkit.attacks.transfer_walk import Look, Scene, Way, nearby, travel
from advkit.engine.objectives import Model


def vmifgsm(
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
    neighbours: int = 20,
    reach: float = 1.5,
) -> Tensor:
    """Return the last iterate with momentum and variance tuning (Wang and He 2021).

    To each gradient is added how much, one step before, the mean gradient of ``neighbours`` within
    ``reach`` times ``eps`` differed from it: this removes what is accidental to a single point.

    Knows: gradients
    Cost: steps * (neighbours + 1) + 2 forward, steps * (neighbours + 1) backward
    Use: strong with a single net, more so combined with `dim`, `tim` or `sim`.
    Fails: where passes are expensive: it costs ``neighbours`` times `mifgsm`.
    Paper: Wang and He 2021, arXiv:2103.15571
    """
    way = variance_tuned(Way(decay=decay), neighbours=neighbours, reach=reach)
    return travel(way, model, x, y, eps=eps, norm=norm, targets=targets, seed=seed, ids=ids,
                  steps=steps, step=step, loss=loss)  # fmt: skip


def variance_tuned(way: Way, *, neighbours: int = 20, reach: float = 1.5) -> Way:
    """Return ``way`` with gradients tuned by those of neighbours one step before."""

    def estimate(
        look: Look, x: Tensor, number: int, memory: Any, scene: Scene
    ) -> tuple[Tensor, Any]:
        here, total = look(x, number), torch.zeros_like(x)
        for k in range(1, neighbours + 1):
            place = nearby(scene.norm, scene.keys, x, reach * scene.radius, number + k)
            total = total + look(place, number + k)
        tuned = here if memory is None else here + memory
        return tuned, total / max(neighbours, 1) - here

    return way._replace(estimate=estimate)
