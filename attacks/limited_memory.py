"""L-BFGS in the box for a batch of samples: one pass per step, for all."""

from typing import NamedTuple

import torch
from torch import Tensor

from advkit.engine import Point, Rule

DECREASE = 1e-4
"""Share of the predicted gain that a step must reach (Armijo 1966)."""


class _State(NamedTuple):
    """The best point so far of every sample, the direction tried from there, and the memory."""

    base: Tensor
    value: Tensor
    slope: Tensor
    ahead: Tensor
    share: Tensor
    """Fraction of ``ahead`` that was tried."""
    moves: Tensor
    bends: Tensor
    """The last steps and the changes of the gradient, newest first, (n, memory, d)."""


def lbfgs_in_box(memory: int, first: float) -> Rule:
    """Ascend by projected L-BFGS (Liu and Nocedal 1989; bounds after Bertsekas 1982).

    The curvature is estimated from the last ``memory`` steps; entries at a bound that the gradient
    points beyond are excluded, and the step is clipped to the box. A step with too little gain is
    shortened by a parabola and repeated from the same point, per sample: every step costs one value
    and one gradient. ``first`` is the length of the first step.
    """

    def init(x: Tensor) -> _State:
        flat = x.flatten(1)
        zero, history = torch.zeros_like(flat), flat.new_zeros(len(x), memory, flat.shape[1])
        low = flat.new_full((len(x),), -torch.inf)
        return _State(flat, low, zero, zero, torch.ones_like(low), history, history)

    def update(point: Point, s: _State) -> tuple[Tensor, _State]:
        x, slope = point.x.flatten(1), point.gradient.flatten(1)
        promised, begin = _dot(s.slope, x - s.base), s.value.isinf()
        better = begin | (point.value >= s.value + DECREASE * promised)
        shorter = s.share * _shortening(point.value - s.value, promised)
        history = _remember(s, x - s.base, s.slope - slope, better & ~begin)
        kept = better[:, None]
        base, slope = torch.where(kept, x, s.base), torch.where(kept, slope, s.slope)
        ahead = torch.where(kept, _uphill(base, slope, *history, first), s.ahead)
        share = torch.where(better, 1, shorter)
        value = torch.where(better, point.value, s.value)
        ahead_now = (base + share[:, None] * ahead).clamp(0, 1).view_as(point.x)
        return ahead_now, _State(base, value, slope, ahead, share, *history)

    return Rule(init, update)


def _dot(a: Tensor, b: Tensor) -> Tensor:
    return (a * b).sum(-1)


def _shortening(gained: Tensor, promised: Tensor) -> Tensor:
    """Return the maximum of the parabola through value, slope and ``gained``, in [0.1, 0.5]."""
    lost = 2 * (promised - gained)
    return torch.where(lost > 0, promised / lost, 0.5).nan_to_num(0.5).clamp(0.1, 0.5)


def _remember(s: _State, move: Tensor, bend: Tensor, moved: Tensor) -> tuple[Tensor, Tensor]:
    """Add a step to the memory if it was taken and the curvature along it was negative."""
    new = (moved & (_dot(move, bend) > 1e-10 * _dot(bend, bend)))[:, None, None]
    moves = torch.where(new, torch.cat([move[:, None], s.moves[:, :-1]], 1), s.moves)
    bends = torch.where(new, torch.cat([bend[:, None], s.bends[:, :-1]], 1), s.bends)
    return moves, bends


def _uphill(base: Tensor, slope: Tensor, moves: Tensor, bends: Tensor, first: float) -> Tensor:
    """Return the L-BFGS direction among the free entries; the gradient if it does not ascend."""
    free = ~((base <= 0) & (slope < 0) | (base >= 1) & (slope > 0))
    slope = slope * free
    moves, bends = moves * free[:, None], bends * free[:, None]
    curved = _dot(moves, bends)
    weight = torch.where(curved > 1e-10 * _dot(bends, bends), 1 / curved, 0)
    rest, parts = slope, []
    for i in range(moves.shape[1]):
        parts.append((weight[:, i] * _dot(moves[:, i], rest))[:, None])
        rest = rest - parts[i] * bends[:, i]
    newest = (weight > 0).int().argmax(1, keepdim=True)
    bent = (curved / _dot(bends, bends)).gather(1, newest)
    length = torch.linalg.vector_norm(slope, dim=1, keepdim=True)
    plain = first / length.clamp_min(torch.finfo(slope.dtype).tiny)
    known = (weight > 0).any(1, keepdim=True)
    way = rest * torch.where(known, bent, plain)
    for i in reversed(range(moves.shape[1])):
        back = (weight[:, i] * _dot(bends[:, i], way))[:, None]
        way = way + (parts[i] - back) * moves[:, i]
    uphill = known & (_dot(way, slope) > 0)[:, None]
    return torch.where(uphill, way, slope * plain)
