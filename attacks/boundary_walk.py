"""Boundary attack: a random walk along the boundary that drifts towards the image."""

from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from advkit.attacks.counted_queries import Hunt, ask, hunt_for, pursue, scouted
from advkit.attacks.minimum import Nearest, within
from advkit.attacks.starting_points import with_start
from advkit.engine import NORMS, rows
from advkit.engine.objectives import Model
from advkit.engine.seeding import keys, normal

EVERY = 5  # steps between two updates of the step sizes
RATE = 0.2  # by which the logarithm of a length follows one answer
STREAMS = 1 << 20  # lower streams are for the start


class _Walk(NamedTuple):
    point: Tensor
    stream: Tensor
    across: Tensor
    towards: Tensor
    moves: int


def boundary(
    model: Model,
    x: Tensor,
    y: Tensor,
    *,
    eps: float | Tensor | None = None,
    norm: Literal["L2"] = "L2",
    targets: Tensor | None = None,
    seed: int = 0,
    ids: Sequence[str] | None = None,
    queries: int = 5000,
    across: float = 0.1,
    towards: float = 0.03,
    scouts: int = 0,
) -> Tensor:
    """Return the nearest adversarial example of ``queries`` (Boundary attack, Brendel 2018).

    Starts from noise that fools, brought to the boundary. Each move rotates the perturbation by
    ``across`` in a random direction and shortens it by ``towards``; it is accepted if the result
    fools. ``towards`` is adapted after every query so that a quarter of the moves succeed; every
    five moves the same rotation without the shortening is queried, and both lengths are adapted so
    that half of these succeed. The first ``scouts`` (0: one per 1,500 queries) runs of 250 queries
    compete to be the start, which is not in the paper.

    Knows: decisions
    Cost: queries forward, 0 backward
    Use: comparison with older work; `hopskipjump` and `geoda` get nearer with the same queries.
    Fails: with few queries in high dimension; where the decision is random.
    Paper: Brendel et al. 2018, arXiv:1712.04248
    """
    if not len(x):
        return x

    def walk_of(hunt: Hunt, number: int) -> Nearest:
        stream = keys(seed, ids, x, "boundary", number)
        hunt = with_start(model, norm, hunt, stream)
        lengths = torch.full_like(hunt.distance, across), torch.full_like(hunt.distance, towards)
        return pursue(hunt, _Walk(hunt.best, stream, *lengths, 0), _mover(model))

    hunt = hunt_for(x, y, targets, eps, queries)
    return within(scouted(hunt, walk_of, scouts or queries // 1500, 250), x, eps)


def _mover(model: Model) -> Callable[[Hunt, _Walk], tuple[Hunt, _Walk]]:
    def move(hunt: Hunt, walk: _Walk) -> tuple[Hunt, _Walk]:
        length, way = _turned(hunt, walk)
        nearer = (hunt.x + rows(length * (1 - walk.towards), way) * way).clamp(0, 1)
        hunt, good = ask(model, "L2", hunt, nearer[:, None])
        point = torch.where(rows(good[:, 0], way), nearer, walk.point)
        towards = walk.towards * (RATE * (good[:, 0].to(length.dtype) - 0.25)).exp()
        change = torch.ones_like(length)
        if walk.moves % EVERY == 0:
            beside = (hunt.x + rows(length, way) * way).clamp(0, 1)
            hunt, aside = ask(model, "L2", hunt, beside[:, None])
            change = (RATE * EVERY / 2 * (aside[:, 0].to(length.dtype) - 0.5)).exp()
        across = (walk.across * change).clamp_max(1.0)
        towards = (towards * change).clamp_max(0.5)
        return hunt, _Walk(point, walk.stream, across, towards, walk.moves + 1)

    return move


def _turned(hunt: Hunt, walk: _Walk) -> tuple[Tensor, Tensor]:
    """Return the distance to the image, and the direction from it, slightly rotated at random."""
    unit = NORMS["L2"].steepest
    away = walk.point - hunt.x
    way = unit(away)
    luck = normal(walk.stream, way.shape[1:], STREAMS + walk.moves).to(way.dtype)
    luck = unit(luck - rows((luck * way).flatten(1).sum(1), way) * way)
    return NORMS["L2"].size(away), unit(way + rows(walk.across, luck) * luck)
