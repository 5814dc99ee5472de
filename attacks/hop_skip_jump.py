"""HopSkipJump: to the boundary, estimate its normal, step along it, back to the boundary."""

import math
from collections.abc import Sequence
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from advkit.attacks.bisection import bisect
from advkit.attacks.boundary_normal import Survey, normal_at, survey
from advkit.attacks.counted_queries import Hunt, ask, hunt_for, pursue, scouted, shrink
from advkit.attacks.minimum import Nearest, within
from advkit.attacks.starting_points import with_start
from advkit.engine import NORMS, rows
from advkit.engine.objectives import Model
from advkit.engine.seeding import keys

LENGTHS = (0.25, 0.5, 1.0, 2.0)  # of a step, in units of the distance
TURNS, HALVINGS = 8, 6  # queries of a bisection, L2 and Linf
SPARE = 10  # queries reserved for the step after the last estimate


class _Walk(NamedTuple):
    point: Tensor
    view: Survey
    memory: Tensor
    moves: int


def hopskipjump(
    model: Model,
    x: Tensor,
    y: Tensor,
    *,
    eps: float | Tensor | None = None,
    norm: Literal["L2", "Linf"] = "L2",
    targets: Tensor | None = None,
    seed: int = 0,
    ids: Sequence[str] | None = None,
    queries: int = 5000,
    probes: int = 30,
    reach: float = 0.05,
    frequencies: int = 0,
    scouts: int = 0,
) -> Tensor:
    """Return the nearest adversarial example of ``queries`` (HopSkipJump, Chen et al. 2020).

    Starts from noise that fools, brought to the boundary. Move k estimates the normal of the
    boundary: it queries ``probes`` times the root of k points around it, at ``reach`` of the
    distance, and sums the directions that lead to a fooling point minus those that do not. In L2
    the point then rotates around the image towards the normal as far as it still fools (the paper
    steps along the normal and returns along a line); in Linf it steps along the normal, at several
    lengths, and is projected onto the smallest ball in which it fools. Directions are random sums
    of the lowest ``frequencies`` (0: by the budget), orthogonal to the perturbation. The first
    ``scouts`` (0: one per 1,500 queries) runs of 250 queries compete to be the start.

    Knows: decisions
    Cost: queries forward, 0 backward
    Use: models that reveal nothing but the class.
    Fails: with few queries in high dimension; where the decision is random.
    Paper: Chen et al. 2020, arXiv:1904.02144
    """
    if not len(x):
        return x

    def walk_of(hunt: Hunt, number: int) -> Nearest:
        stream = keys(seed, ids, x, "hopskipjump", number)
        hunt = with_start(model, norm, hunt, stream)
        view = survey(stream, x, reach, frequencies, queries, tangential=True)
        return pursue(hunt, _Walk(hunt.best, view, torch.zeros_like(x), 0), move)

    def move(hunt: Hunt, walk: _Walk) -> tuple[Hunt, _Walk]:
        count = int(probes * math.sqrt(walk.moves + 1))
        hunt, normal, view = normal_at(model, norm, hunt, walk.point, walk.view, count, SPARE)
        if norm == "L2":
            hunt, point = _turn(model, hunt, walk.point, normal)
        else:
            normal = NORMS["L2"].steepest(normal) + 0.8 * walk.memory
            hunt, point = _step(model, norm, hunt, walk.point, normal)
        return hunt, _Walk(point, view, normal, walk.moves + 1)

    hunt = hunt_for(x, y, targets, eps, queries)
    return within(scouted(hunt, walk_of, scouts or queries // 1500, 250), x, eps)


def _turn(model: Model, hunt: Hunt, point: Tensor, normal: Tensor) -> tuple[Hunt, Tensor]:
    length, unit = NORMS["L2"].size(point - hunt.x), NORMS["L2"].steepest
    ray = unit(point - hunt.x)
    side = unit(normal - rows((normal * ray).flatten(1).sum(1), normal) * ray)

    def fooled(angle: Tensor) -> Tensor:
        nonlocal hunt, point
        along, across = length * angle.cos().square(), length * angle.cos() * angle.sin()
        tried = (hunt.x + rows(along, ray) * ray + rows(across, side) * side).clamp(0, 1)
        hunt, fooled = ask(model, "L2", hunt, tried[:, None])
        point = torch.where(rows(fooled[:, 0], point), tried, point)
        return fooled[:, 0]

    bisect(fooled, torch.full_like(length, math.pi / 2), torch.zeros_like(length), TURNS)
    return hunt, point


def _step(
    model: Model, norm: str, hunt: Hunt, point: Tensor, normal: Tensor
) -> tuple[Hunt, Tensor]:
    distance = NORMS[norm].size(point - hunt.x)
    step = NORMS["L2"].steepest(normal) * math.sqrt(normal[0].numel())
    lengths = torch.tensor(LENGTHS, dtype=step.dtype, device=step.device)
    lengths = lengths.view(1, -1, *[1] * (step.ndim - 1))
    rivals = (point[:, None] + lengths * (rows(distance, step) * step)[:, None]).clamp(0, 1)
    running = torch.ones(rivals.shape[:2], dtype=torch.bool, device=rivals.device)
    low = distance / 2
    hunt, place, found = shrink(model, norm, hunt, rivals, running, distance, HALVINGS, low)
    return hunt, torch.where(rows(found, place), place, point)
