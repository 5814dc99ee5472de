"""Auto-PGD in L1: sparse steps whose sparsity follows that of the best point so far."""

from typing import NamedTuple

import torch
from torch import Tensor

from advkit.attacks.walks import Found, strongest_point
from advkit.engine import NORMS, Objective, Point, Rule, rows
from advkit.engine.projections import furthest

STAGES = ((3.0, 0.3), (2.0, 0.3), (1.0, 0.4))
"""Radii in units of eps and shares of the steps: from a large ball down to the true one."""


def sparse_walk(
    objective: Objective,
    start: Tensor,
    x: Tensor,
    y: Tensor,
    targets: Tensor | None,
    radius: Tensor,
    steps: int,
) -> Found:
    """Walk in balls of 3, 2 and 1 times ``radius`` (Croce and Hein 2021); only the last counts."""
    here = x + STAGES[0][0] * (start - x)
    spent = 0
    for scale, share in STAGES:
        final = scale == STAGES[-1][0]
        count = steps - spent if final else int(share * steps)
        spent += count
        if not (count or final):
            continue
        reach = scale * radius
        here = NORMS["L1"].confine(here, x, reach)
        rule = _sparse(x, reach, first=scale == STAGES[0][0], every=max(int(0.04 * count), 1),
                       last=count if final else 0)  # fmt: skip
        found = strongest_point(
            objective, here, rule, count, y, targets, leave=final, see_last=final
        )
        here = found.x
    return found


class _State(NamedTuple):
    moves: int
    x: Tensor
    radius: Tensor
    kept: Tensor  # how many coordinates a step moves
    step: Tensor
    top: Tensor
    top_x: Tensor
    top_gradient: Tensor
    used: Tensor  # how many coordinates the best point had moved at the last check


def _sparse(x: Tensor, radius: Tensor, *, first: bool, every: int, last: int) -> Rule:
    """Move ``every`` so often with the sparsity of the best point; move number ``last`` jumps.

    It goes to the optimum of the loss linearised at the best point, which is exact where the model
    is linear and a wall of the box holds the walk up.
    """
    size = x[0].numel()

    def init(start: Tensor) -> _State:
        low = torch.full_like(radius, -torch.inf)
        used = NORMS["L0"].size(start - x)
        kept = torch.full_like(radius, 0.2 * size) if first else used / 1.5
        return _State(
            0, x, radius, kept, radius, low, start, torch.zeros_like(x), torch.full_like(used, size)
        )

    def update(point: Point, s: _State) -> tuple[Tensor, _State]:
        higher = point.value > s.top
        wide = rows(higher, point.x)
        s = s._replace(
            top=torch.where(higher, point.value, s.top),
            top_x=torch.where(wide, point.x, s.top_x),
            top_gradient=torch.where(wide, point.gradient, s.top_gradient),
        )
        here, gradient = point.x, point.gradient
        if s.moves and s.moves % every == 0:
            s, back = _check(s)
            here = torch.where(back, s.top_x, here)
            gradient = torch.where(back, s.top_gradient, gradient)
        if s.moves + 1 == last:
            return furthest("L1", s.top_gradient, s.x, s.radius), s
        move = rows(s.step, here) * _sparse_sign(gradient, s.kept)
        new = NORMS["L1"].confine(here + move, s.x, s.radius)
        return new, s._replace(moves=s.moves + 1)

    return Rule(init, update)


def _check(s: _State) -> tuple[_State, Tensor]:
    """Follow the sparsity of the best point; a large step again where it shrank."""
    used = NORMS["L0"].size(s.top_x - s.x)
    sparser = used / s.used.clamp_min(1) < 0.95
    step = torch.where(sparser, s.radius, s.step / 1.5)
    step = step.clamp(s.radius / 10, s.radius)
    return s._replace(kept=used / 1.5, used=used, step=step), rows(sparser, s.x)


def _sparse_sign(gradient: Tensor, kept: Tensor) -> Tensor:
    """Return the direction of L1 size one, equal on the ``kept`` (n,) largest entries."""
    flat = gradient.flatten(1)
    magnitude = flat.abs()
    ordered = magnitude.sort(1, descending=True).values
    last = (kept.long() - 1).clamp(0, flat.shape[1] - 1)[:, None]
    sign = torch.where(magnitude >= ordered.gather(1, last), flat.sign(), 0)
    count = sign.abs().sum(1, keepdim=True).clamp_min(1)
    return (sign / count).reshape(gradient.shape)
