"""Bring examples back towards their images, as near as they still fool."""

import torch
from torch import Tensor

from advkit.engine import evaluate, rows
from advkit.engine.objectives import Model, margin

NAME = "line_search"


def line_search(model: Model, x: Tensor, y: Tensor, x_adv: Tensor, *, steps: int = 10) -> Tensor:
    """Return the nearest fooling point found between ``x`` and ``x_adv`` (n, ...).

    Bisects ``steps`` times and returns a point that was seen to fool, ``x_adv`` itself if none
    nearer was. Every norm of the perturbation shrinks alike. Forward passes only.
    """
    low = torch.zeros(len(x), dtype=x.dtype, device=x.device)
    high = torch.ones_like(low)
    nearest = x_adv
    for _ in range(steps):
        middle = (low + high) / 2
        tried = (x + rows(middle, x) * (x_adv - x)).clamp(0, 1)
        fooled = evaluate(margin(model, y), tried, gradient=False).value > 0
        nearest = torch.where(rows(fooled, x), tried, nearest)
        high, low = torch.where(fooled, middle, high), torch.where(fooled, low, middle)
    return nearest
