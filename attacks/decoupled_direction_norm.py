"""DDN: the direction from the gradient, the norm adapted after each step."""

from collections.abc import Sequence
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from advkit.attacks.minimum import enough, nearest_point, within
from advkit.engine import NORMS, Point, Rule, rows
from advkit.engine.norms import unit
from advkit.engine.objectives import LOSSES, Model, elsewhere
from advkit.engine.rules import cosine
from advkit.engine.seeding import keys, normal


def ddn(
    model: Model,
    x: Tensor,
    y: Tensor,
    *,
    eps: float | Tensor | None = None,
    norm: Literal["L2"] = "L2",
    targets: Tensor | None = None,
    seed: int = 0,
    ids: Sequence[str] | None = None,
    steps: int = 100,
    step: float = 1.0,
    gamma: float = 0.05,
    length: float = 1.0,
    loss: Literal["ce", "dlr", "margin"] = "ce",
) -> Tensor:
    """Return the nearest adversarial example among ``steps`` + 1 iterates (Rony et al. 2019).

    Starts from ``x`` itself. Each step follows the unit gradient, with a length that falls from
    ``step`` to a hundredth of it by a cosine; then the perturbation is rescaled to a radius, which
    is multiplied by 1 - ``gamma`` if the last point fooled and by 1 + ``gamma`` if not. The radius
    starts at ``length``. Where the gradient is zero a random direction is used.

    Knows: gradients
    Cost: steps + 1 forward, steps backward
    Use: L2 distances of many images at little cost; the first attack to try in L2.
    Fails: where gradients vanish or mislead, and where ``length`` is far from the true distances.
    Paper: Rony et al. 2019, arXiv:1811.09600
    """
    if not len(x):
        return x
    stop, stream = enough(eps, x), keys(seed, ids, x, "ddn")

    rule = _decoupled(x, y, targets, stream, steps, step, gamma, length)
    objective = LOSSES[loss](model, y, targets)
    return within(nearest_point(objective, x, rule, steps, x, y, targets, norm, stop), x, eps)


class _State(NamedTuple):
    moves: int
    x: Tensor
    y: Tensor
    targets: tuple[Tensor, ...]
    stream: Tensor
    radius: Tensor


def _decoupled(
    x: Tensor,
    y: Tensor,
    targets: Tensor | None,
    stream: Tensor,
    steps: int,
    step: float,
    gamma: float,
    length: float,
) -> Rule:
    size = NORMS["L2"].size
    shorter, longer = x.new_tensor([1 - gamma, 1 + gamma])

    def init(start: Tensor) -> _State:
        goal = () if targets is None else (targets,)
        radius = torch.full((len(start),), length, dtype=x.dtype, device=x.device)
        return _State(0, x, y, goal, stream, radius)

    def update(point: Point, s: _State) -> tuple[Tensor, _State]:
        fooled = elsewhere(point.output, s.y, *s.targets)
        radius = s.radius * torch.where(fooled, shorter, longer)
        direction = _somewhere(point.gradient, s)
        now = step * (0.01 + 0.99 * cosine(s.moves, max(steps - 1, 1)))
        ahead = torch.add(point.x - s.x, direction, alpha=now)
        stretch = rows(radius / size(ahead).clamp_min(1e-12), ahead)
        new = torch.addcmul(s.x, ahead, stretch).clamp(0, 1)
        return new, s._replace(moves=s.moves + 1, radius=radius)

    return Rule(init, update)


def _somewhere(gradient: Tensor, s: _State) -> Tensor:
    """Return the unit gradient, or a random direction if it is zero."""
    if (direction := unit(gradient)) is not None:
        return direction
    direction, luck = map(NORMS["L2"].steepest, (gradient, _luck(gradient, s)))
    flat = NORMS["L2"].size(direction) == 0
    return torch.where(rows(flat, luck), luck, direction)


def _luck(gradient: Tensor, s: _State) -> Tensor:
    return normal(s.stream, gradient.shape[1:], s.moves).to(gradient.dtype)
