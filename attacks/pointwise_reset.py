"""Pointwise attack: entries are reset to the image, as long as the rest still fools."""

from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from advkit.attacks.counted_queries import Hunt, ask, hunt_for, pursue, scouted
from advkit.attacks.minimum import Nearest, within
from advkit.attacks.starting_points import with_start
from advkit.engine import rows
from advkit.engine.objectives import Model
from advkit.engine.seeding import keys, uniform

HALVINGS = 4  # bisections of the reset of an entry, in L1
STREAM = 1 << 20  # lower streams are for the start


class _Walk(NamedTuple):
    point: Tensor
    order: Tensor  # in which entries are tried
    size: Tensor  # number of entries tried together
    at: Tensor  # position in the order, among the entries that have moved
    left: Tensor  # share of its change that a group keeps when it is reset
    better: Tensor  # whether this round has reset anything


def pointwise(
    model: Model,
    x: Tensor,
    y: Tensor,
    *,
    eps: float | Tensor | None = None,
    norm: Literal["L0", "L1"] = "L0",
    targets: Tensor | None = None,
    seed: int = 0,
    ids: Sequence[str] | None = None,
    queries: int = 5000,
    scouts: int = 0,
) -> Tensor:
    """Return the nearest adversarial example of ``queries`` (Pointwise, Schott et al. 2019).

    Starts from noise that fools. Groups of entries are reset to their values in the image, in a
    random order, wherever the rest still fools: half of the changed entries together at first, then
    halves of that, down to single entries, until none can be reset alone. In L1 entries are then
    moved back half of the way, three quarters, and so on. (The paper begins with single entries;
    groups need a fraction of the queries.) The first ``scouts`` (0: one per 1,500 queries) runs of
    250 queries compete to be the start.

    Knows: decisions
    Cost: queries forward, 0 backward
    Use: few changed entries where a model reveals nothing but the class.
    Fails: where single entries do not matter; far from the minimum that gradients find.
    Paper: Schott et al. 2019, arXiv:1805.09190
    """
    if not len(x):
        return x
    last = 0.0 if norm == "L0" else 1 - 0.5**HALVINGS

    def walk_of(hunt: Hunt, number: int) -> Nearest:
        stream = keys(seed, ids, x, "pointwise", number)
        hunt = with_start(model, norm, hunt, stream)
        moved = (hunt.best != x).flatten(1).sum(1)
        none, order = torch.zeros_like(hunt.distance), uniform(stream, (x[0].numel(),), STREAM)
        first = _Walk(hunt.best, order, (moved // 2).clamp_min(1), moved * 0, none, none > 0)
        return pursue(hunt, first, _mover(model, norm, last))

    hunt = hunt_for(x, y, targets, eps, queries)
    return within(scouted(hunt, walk_of, scouts or queries // 1500, 250), x, eps)


def _mover(model: Model, norm: str, last: float) -> Callable[[Hunt, _Walk], tuple[Hunt, _Walk]]:
    def move(hunt: Hunt, walk: _Walk) -> tuple[Hunt, _Walk]:
        tried = torch.where(
            _group(hunt, walk), hunt.x + rows(walk.left, hunt.x) * (walk.point - hunt.x), walk.point
        )
        hunt, answers = ask(model, norm, hunt, tried[:, None])
        fooled = answers[:, 0]
        point = torch.where(rows(fooled, tried), tried, walk.point)
        # The entries of a reset group no longer count as moved.
        at = torch.where(fooled & (walk.left == 0), walk.at, walk.at + walk.size)
        walk = _next(walk._replace(point=point, at=at, better=walk.better | fooled), hunt.x)
        over = walk.left > last
        return hunt._replace(left=torch.where(over, 0, hunt.left)), walk

    return move


def _group(hunt: Hunt, walk: _Walk) -> Tensor:
    """Return which entries are tried now."""
    moved = (walk.point != hunt.x).flatten(1)
    rank = (
        walk.order.where(moved, torch.inf).argsort(dim=1, stable=True).argsort(dim=1, stable=True)
    )
    turn = (rank >= walk.at[:, None]) & (rank < (walk.at + walk.size)[:, None])
    return (turn & moved).view_as(hunt.x)


def _next(walk: _Walk, x: Tensor) -> _Walk:
    """After a round of all entries: smaller groups; after single entries, a smaller reset."""
    moved = (walk.point != x).flatten(1).sum(1)
    passed = walk.at >= moved
    stuck = passed & (walk.size == 1) & ~walk.better
    size = torch.where(passed, (walk.size // 2).clamp_min(1), walk.size)
    return walk._replace(
        size=torch.where(stuck, moved.clamp_min(1), size),
        at=torch.where(passed, 0, walk.at),
        left=torch.where(stuck, (walk.left + 1) / 2, walk.left),
        better=walk.better & ~passed,
    )
