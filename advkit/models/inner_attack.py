"""The attack inside adversarial training: PGD with few steps from a random start."""

import torch
from torch import Tensor

from advkit.engine import NORMS, ascend, last
from advkit.engine.objectives import Model, cross_entropy
from advkit.engine.rules import ball, steepest, within
from advkit.engine.seeding import normal, uniform


def hardened(
    model: Model, x: Tensor, y: Tensor, keys: Tensor, *, norm: str, eps: float, steps: int,
    step: float,
) -> Tensor:  # fmt: skip
    """Return the end point of PGD from a random point of the ball (Madry et al. 2018).

    ``keys`` (n,) are random keys; ``step`` is in units of ``eps``.
    """
    geometry, radius = NORMS[norm], torch.full((len(x),), eps, dtype=x.dtype, device=x.device)
    start = geometry.confine(x + eps * _in_ball(keys, x, norm), x, radius)
    rule = within(steepest(geometry.steepest, step * radius), ball(geometry, x, radius))
    return last(ascend(cross_entropy(model, y), start, rule, steps))


def _in_ball(keys: Tensor, x: Tensor, norm: str) -> Tensor:
    """Return uniform points of the unit ball."""
    shape = x.shape[1:]
    if norm == "Linf":
        return (2 * uniform(keys, shape) - 1).to(x.dtype)
    d = normal(keys, shape)
    size = NORMS["L2"].size(d) / uniform(keys, (1,), 1).squeeze(1) ** (1 / x[0].numel())
    return (d / size.reshape(-1, *[1] * (x.ndim - 1))).to(x.dtype)
