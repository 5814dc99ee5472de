"""FAB: projections onto linearised boundaries, biased towards the image."""

from collections.abc import Sequence
from functools import partial
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from advkit.attacks.hyperplane import cross
from advkit.attacks.minimum import Nearest, enough, nearest_of, nearest_point, within
from advkit.attacks.polish import polished
from advkit.attacks.walks import radii, random_start
from advkit.engine import NORMS, Point, Rule, evaluate, rows, take
from advkit.engine.objectives import Model, class_gap, likeliest, margin, margins
from advkit.engine.seeding import keys

PATIENCE = 10
"""Steps after which a run that has not crossed the boundary is no longer biased to the image."""


def fab(
    model: Model,
    x: Tensor,
    y: Tensor,
    *,
    eps: float | Tensor | None = None,
    norm: Literal["Linf", "L2", "L1"] = "Linf",
    targets: Tensor | None = None,
    seed: int = 0,
    ids: Sequence[str] | None = None,
    steps: int = 100,
    n_targets: int = 3,
    restarts: int = 1,
    alpha_max: float = 0.1,
    eta: float = 1.05,
    beta: float = 0.9,
    polish: int = 10,
) -> Tensor:
    """Return the nearest adversarial example of a run per target and restart (Croce and Hein 2020).

    Targets are the ``n_targets`` classes with the highest logits at ``x`` (FAB-T); any
    misclassification counts. If ``targets`` is given, only those are tried. At z the boundary
    between ``y`` and the target is replaced by its tangent plane; d and d0 are the vectors from z
    and from ``x`` to the nearest point of the plane in the box. The next point is (1 - a) (z + eta
    d) + a (x + eta d0) with a = min(alpha_max, |d| / (|d| + |d0|)). A point that fools is first
    moved back to x + beta (z - x). Later restarts begin at a random point at half the distance
    found, or half of ``eps`` if that is less. ``polish`` additional forward passes shorten the
    perturbation found.

    Unlike in the paper, the plane of a point that fools is taken at that point, not at the one it
    is moved back to, which saves a pass per step; and a run that has not fooled after 10 steps
    continues with a = 0 until it does, because the pull towards ``x`` may hold it short of the
    boundary forever.

    Knows: gradients
    Cost: 1 + restarts * min(n_targets, classes - 1) * (steps + 1) forward,
        restarts * min(n_targets, classes - 1) * steps backward
    Use: distances in every norm without a step size to choose; the strongest here in L2.
    Fails: where gradients vanish or mislead; a zero gradient leaves it where it is.
    Paper: Croce and Hein 2020, arXiv:1907.02044
    """
    if not len(x):
        return x
    stop, stream = enough(eps, x), keys(seed, ids, x, "fab")
    found, order = _begin(model, x, y, targets, n_targets)
    count = order.shape[1]

    def walk(index: Tensor, place: int, restart: int, reach: Tensor) -> Nearest:
        x0, y0, key, aims = take((x, y, stream, order[:, place]), index)
        t0, number = None if targets is None else targets[index], restart * count + place
        start = x0
        if restart:
            start = random_start(norm, key, x0, reach[index], stream=number, surface=True)
        pull = class_gap(model, y0, aims) if t0 is None else margin(model, y0, t0)
        rule = _drawn_back(norm, x0, y0, t0, alpha_max, eta, beta)
        return nearest_point(pull, start, rule, steps, x0, y0, t0, norm, stop[index])

    for restart in range(restarts):
        reach = _reach(found.distance, eps, norm, x)
        found = nearest_of(partial(walk, restart=restart, reach=reach), x, count, stop, found)
    return within(polished(model, x, y, targets, found, norm, stop, polish), x, eps)


def _reach(distance: Tensor, eps: float | Tensor | None, norm: str, x: Tensor) -> Tensor:
    """Return half the minimum of the distance found, ``eps`` and the size of the box, (n,)."""
    longest = NORMS[norm].size(torch.ones_like(x))
    known = torch.minimum(distance.to(x.dtype), longest)
    return (known if eps is None else torch.minimum(known, radii(eps, x))) / 2


def _begin(
    model: Model, x: Tensor, y: Tensor, targets: Tensor | None, count: int
) -> tuple[Nearest, Tensor]:
    """Return the result at ``x`` itself, and the likeliest other classes there, (n, count)."""
    point = evaluate(margin(model, y, targets), x, gradient=False)
    distance = x.new_full((len(x),), torch.inf).masked_fill(point.value > 0, 0)
    return Nearest(x, distance), likeliest(point.output, y)[:, : count if targets is None else 1]


class _State(NamedTuple):
    moves: int
    x: Tensor
    y: Tensor
    targets: tuple[Tensor, ...]
    crossed: Tensor


def _drawn_back(
    norm: str,
    x: Tensor,
    y: Tensor,
    targets: Tensor | None,
    alpha_max: float,
    eta: float,
    beta: float,
) -> Rule:
    size = NORMS[norm].size

    def init(_start: Tensor) -> _State:
        goal = () if targets is None else (targets,)
        return _State(0, x, y, goal, torch.zeros_like(y, dtype=torch.bool))

    def way(point: Point, here: Tensor) -> Tensor:
        gain = -point.value - (point.gradient * (here - point.x)).flatten(1).sum(1)
        return cross(norm, here, point.gradient, gain) - here

    def update(point: Point, s: _State) -> tuple[Tensor, _State]:
        fooled = margins(point.output, s.y, *s.targets) > 0
        crossed = s.crossed | fooled
        z = torch.where(rows(fooled, x), s.x + beta * (point.x - s.x), point.x)
        d, d0 = way(point, z), way(point, s.x)
        near, far = size(d).clamp_min(1e-8), size(d0).clamp_min(1e-8)
        pull = (near / (near + far)).clamp_max(alpha_max)
        if s.moves >= PATIENCE:
            pull = pull.where(crossed, 0)
        a = rows(pull, z)
        ahead = (1 - a) * (z + eta * d) + a * (s.x + eta * d0)
        return ahead.clamp(0, 1), s._replace(moves=s.moves + 1, crossed=crossed)

    return Rule(init, update)
