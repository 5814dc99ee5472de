"""FMN: projected steps within a ball whose radius follows the boundary."""

from collections.abc import Sequence
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from advkit.attacks.minimum import enough, linear_reach, nearest_point, within
from advkit.engine import NORMS, Norm, Point, Rule, rows
from advkit.engine.objectives import Model, margin
from advkit.engine.rules import cosine

GAMMA = (0.05, 0.001)  # relative change of the radius, in the first and the last step


def fmn(
    model: Model,
    x: Tensor,
    y: Tensor,
    *,
    eps: float | Tensor | None = None,
    norm: Literal["Linf", "L2", "L1", "L0"] = "Linf",
    targets: Tensor | None = None,
    seed: int = 0,
    ids: Sequence[str] | None = None,
    steps: int = 100,
    step: float = 1.0,
) -> Tensor:
    """Return the nearest adversarial example among ``steps`` + 1 iterates (Pintor et al. 2021).

    Each step follows the unit gradient of the margin and is projected onto a ball around ``x`` and
    the box. The radius shrinks by a share gamma if the last point fooled and grows by it if only an
    earlier one did; before any has, it is a share gamma larger than the distance at which the
    linearised margin vanishes (in the paper no larger: then rounding decides). Step and gamma fall
    by a cosine, to a hundredth and from 0.05 to 0.001. Unlike in the paper ``step`` is in units of
    the L2 size of the first such estimate (L0: 4 times its root), so that it suits any distance.

    Knows: gradients
    Cost: steps + 1 forward, steps backward
    Use: distances in any norm with a fixed number of passes.
    Fails: where gradients vanish or mislead, or another class is nearer than the likeliest.
    Paper: Pintor et al. 2021, arXiv:2102.12827
    """
    if not len(x):
        return x
    rule, objective = _following(NORMS[norm], x, steps, step), margin(model, y, targets)
    found = nearest_point(objective, x, rule, steps, x, y, targets, norm, enough(eps, x))
    return within(found, x, eps)


class _State(NamedTuple):
    moves: int
    x: Tensor
    radius: Tensor
    best: Tensor  # distance of the nearest fooling point so far
    unit: Tensor  # of steps
    all_found: bool = False


def _following(norm: Norm, x: Tensor, steps: int, step: float) -> Rule:
    counts = norm is NORMS["L0"]

    def init(start: Tensor) -> _State:
        far = torch.full((len(start),), torch.inf, dtype=x.dtype, device=x.device)
        return _State(0, x, far, far, far)

    def update(point: Point, s: _State) -> tuple[Tensor, _State]:
        left = cosine(s.moves, max(steps - 1, 1))
        gamma = GAMMA[1] + (GAMMA[0] - GAMMA[1]) * left
        fooled, size = point.value > 0, norm.size(point.x - s.x)
        best = torch.where(fooled, torch.minimum(size, s.best), s.best)
        radius = _radius(s.radius, best, fooled, gamma, counts=counts)
        all_found = s.all_found or bool(best.amax() < torch.inf)
        if not all_found:
            linear = (size + linear_reach(point, norm)) * (1 + gamma)
            radius = torch.where(best.isinf(), linear.clamp_min(0), radius)
        unit = s.unit
        if not s.moves:
            wide = NORMS["L2"].size(norm.steepest(point.gradient))
            unit = 4 * radius.sqrt() if counts else radius * wide
        length = unit * (step * (0.01 + 0.99 * left))
        ahead = torch.addcmul(point.x, rows(length, s.x), NORMS["L2"].steepest(point.gradient))
        new = norm.confine(ahead, s.x, radius)
        return new, _State(s.moves + 1, s.x, radius, best, unit, all_found)

    return Rule(init, update)


def _radius(radius: Tensor, best: Tensor, fooled: Tensor, gamma: float, *, counts: bool) -> Tensor:
    """Return the next radius of samples already fooled; in L0 it changes by at least one."""
    smaller, larger = radius * (1 - gamma), radius * (1 + gamma)
    if counts:
        smaller = torch.minimum(radius - 1, smaller.floor())
        larger = torch.maximum(radius + 1, larger.floor())
        smaller = smaller.clamp_min(0)
    return torch.where(fooled, torch.minimum(smaller, best), larger)
