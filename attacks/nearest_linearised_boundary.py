"""DeepFool: steps to the nearest linearised boundary, repeated."""

from collections.abc import Sequence
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from advkit.attacks.boundaries import differences, nearest_boundary
from advkit.attacks.hyperplane import cross
from advkit.attacks.minimum import enough, nearest_point, within
from advkit.attacks.polish import polished
from advkit.engine import NORMS, Point, Rule, rows
from advkit.engine.objectives import Model

NUDGE = 1e-4
"""Relative step beyond the plane: near the boundary rounding would stall progress."""


def deepfool(
    model: Model,
    x: Tensor,
    y: Tensor,
    *,
    eps: float | Tensor | None = None,
    norm: Literal["L2", "Linf", "L1"] = "L2",
    targets: Tensor | None = None,
    seed: int = 0,
    ids: Sequence[str] | None = None,
    steps: int = 50,
    candidates: int = 3,
    overshoot: float = 0.02,
    polish: int = 10,
) -> Tensor:
    """Return the first adversarial point over linearised boundaries (Moosavi-Dezfooli 2016).

    At every point the boundaries to the ``candidates`` likeliest other classes (one backward pass
    each) are replaced by their tangent planes, and the step goes to the nearest. The sum of the
    steps times 1 + ``overshoot``, clipped to the box, is the next point. Pixels at a bound of the
    box do not move, and the other pixels make up for them; in L1 the steepest pixels are moved to
    their bounds one by one. It stops at the first point that fools, and ``polish`` additional
    forward passes bring that nearer along the straight line to the image. With ``targets`` there is
    one boundary, between the target and the best other class. Where the gradient is zero it stays.

    Knows: gradients
    Cost: steps + 1 forward, steps * min(candidates, classes - 1) backward
    Use: a first estimate of distances, in a handful of steps; it rarely needs all of them.
    Fails: where the net is far from linear: on robust nets, distances up to twice the minimum.
    Paper: Moosavi-Dezfooli et al. 2016, arXiv:1511.04599
    """
    if not len(x):
        return x
    stop = enough(eps, x)
    objective, rule = differences(model, y, targets, candidates), linearised(norm, x, overshoot)
    first = torch.full_like(stop, torch.finfo(stop.dtype).max)
    found = nearest_point(objective, x, rule, steps, x, y, targets, norm, first)
    return within(polished(model, x, y, targets, found, norm, stop, polish), x, eps)


class Moves(NamedTuple):
    """The start of a run of DeepFool, and the sum of its steps."""

    start: Tensor
    total: Tensor


def linearised(norm: str, x: Tensor, overshoot: float) -> Rule:
    """Step to the nearest of the planes of `differences`, in a run that starts at ``x``."""
    geometry = NORMS[norm]
    longest = geometry.size(torch.ones_like(x))

    def init(x: Tensor) -> tuple[Moves, Tensor]:
        return Moves(x, torch.zeros_like(x)), longest

    def update(point: Point, state: tuple[Moves, Tensor]) -> tuple[Tensor, tuple[Moves, Tensor]]:
        moves, longest = state
        value, slope = nearest_boundary(norm, point)
        steepness = geometry.dual(slope)
        if norm == "L1":
            move = cross(norm, point.x, slope, NUDGE * steepness - value) - point.x
        else:
            far = (-value / steepness).nan_to_num(0.0) + NUDGE
            move = rows(torch.minimum(far, longest), slope) * geometry.steepest(slope)
        moves = moves._replace(total=moves.total + move)
        return (moves.start + (1 + overshoot) * moves.total).clamp(0, 1), (moves, longest)

    return Rule(init, update)
