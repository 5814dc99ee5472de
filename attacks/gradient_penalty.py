"""PGN: towards flat maxima, by differences of gradients one step apart."""

from collections.abc import Sequence
from typing import Any, Literal

import torch
from torch import Tensor

from advkit.attacks.transfer_walk import Look, Scene, Way, nearby, travel
from advkit.engine import NORMS, rows
from advkit.engine.objectives import Model


def pgn(
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
    zone: float = 3.0,
    balance: float = 0.5,
) -> Tensor:
    """Return the last iterate of a search for a high, flat maximum (Ge et al. 2023).

    At each of ``neighbours`` within ``zone`` times ``eps`` the gradient is taken twice, there and
    one step downhill, and the two are mixed by ``balance``: their difference stands in for the
    Hessian.

    Knows: gradients
    Cost: 2 * steps * neighbours + 2 forward, 2 * steps * neighbours backward
    Use: among the strongest methods on a single net, where the number of passes does not matter.
    Fails: where it does: it costs forty times `mifgsm`.
    Paper: Ge et al. 2023, arXiv:2306.05225
    """
    way = flat(Way(decay=decay), neighbours=neighbours, zone=zone, balance=balance)
    return travel(way, model, x, y, eps=eps, norm=norm, targets=targets, seed=seed, ids=ids,
                  steps=steps, step=step, loss=loss)  # fmt: skip


def flat(way: Way, *, neighbours: int = 20, zone: float = 3.0, balance: float = 0.5) -> Way:
    """Return ``way`` along gradients with a penalty on their norm."""

    def estimate(
        look: Look, x: Tensor, number: int, memory: Any, scene: Scene
    ) -> tuple[Tensor, Any]:
        total = torch.zeros_like(x)
        for k in range(neighbours):
            place = nearby(scene.norm, scene.keys, x, zone * scene.radius, number + k)
            here = look(place, number + k)
            down = place - rows(scene.step, x) * NORMS[scene.norm].steepest(here)
            total = total + (1 - balance) * here + balance * look(down, number + k)
        return total, memory

    return way._replace(estimate=estimate)
