"""PGD: steps along the gradient, projected onto ball and box."""

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor

from advkit.attacks.walks import (
    Found,
    radii,
    random_start,
    repeated,
    strongest_point,
)
from advkit.engine import NORMS, Objective, Point, Rule, ascend, take
from advkit.engine.objectives import LOSSES, Model, margin, margins
from advkit.engine.projections import furthest
from advkit.engine.rules import ball, momentum, steepest, within
from advkit.engine.seeding import keys


def pgd(
    model: Model,
    x: Tensor,
    y: Tensor,
    *,
    eps: float | Tensor,
    norm: Literal["Linf", "L2", "L1"] = "Linf",
    targets: Tensor | None = None,
    seed: int = 0,
    ids: Sequence[str] | None = None,
    steps: int = 40,
    step: float = 0.1,
    loss: Literal["ce", "dlr", "margin", "probability"] = "ce",
    decay: float = 0.0,
    restarts: int = 1,
    random: bool = True,
    stop: bool = True,
) -> Tensor:
    """Return the best of ``steps`` + 1 iterates per restart (Madry et al. 2018).

    ``step`` is in units of ``eps``. ``decay`` > 0 adds momentum (Dong et al. 2018). Without
    ``random`` the first run starts from ``x``; restarts are always random. Without ``stop`` it
    continues on samples that are already fooled, further beyond the boundary. In L1 step k moves a
    share 2 / (k + 2), but at least ``step``, of the way to the optimum of the linearised loss on
    ball and box (Frank and Wolfe 1956; Jaggi 2013).

    Knows: gradients
    Cost: restarts * (steps + 1) forward, restarts * steps backward
    Use: the reference inside a known ``eps``, and for adversarial training.
    Fails: where ``step`` does not suit the loss: raise ``steps``, or use `apgd`.
    Paper: Madry et al. 2018, arXiv:1706.06083
    """
    if not len(x):
        return x
    radius, stream = radii(eps, x), keys(seed, ids, x, "pgd")
    objective = LOSSES[loss](model, y, targets)

    def walk(index: Tensor, restart: int) -> Found:
        x0, y0, t0, r0 = take((x, y, () if targets is None else (targets,), radius), index)
        start = x0
        if random or restart:
            start = random_start(norm, stream[index], x0, r0, stream=restart, surface=False)
        return climb(take(objective, index), start, x0, y0, *t0, radius=r0, norm=norm,
                     steps=steps, step=step, decay=decay, stop=stop)  # fmt: skip

    return repeated(walk, x, restarts).x


def course(
    model: Model,
    x: Tensor,
    y: Tensor,
    *,
    eps: float | Tensor,
    norm: str,
    seed: int,
    ids: Sequence[str],
    marks: Sequence[int],
    step: float = 0.1,
) -> Tensor:
    """Return the results of `pgd` on the margin after each of the ascending ``marks`` (k,).

    The points are (k, n, ...), at the cost of the longest run only.
    """
    radius, stream = radii(eps, x), keys(seed, ids, x, "pgd")
    start = random_start(norm, stream, x, radius, stream=0, surface=False)
    rule = within(_moves(norm, x, radius, step, 0.0), ball(NORMS[norm], x, radius))
    found, top, seen = x.clone(), torch.full_like(radius, -torch.inf), list[Tensor]()

    def fooled(point: Point) -> Tensor:
        return point.of(top) > 0

    for steps, point in enumerate(ascend(margin(model, y), start, rule, marks[-1], fooled)):
        reached = margins(point.output, point.of(y)).to(top)
        better = reached > point.of(top)
        who = point.which[better]
        found[who], top[who] = point.x[better], reached[better]
        if steps in marks:
            seen.append(found.clone())
    return torch.stack([*seen, *[found] * (len(marks) - len(seen))])


def climb(
    objective: Objective,
    start: Tensor,
    x: Tensor,
    y: Tensor,
    targets: Tensor | None = None,
    *,
    radius: Tensor,
    norm: str,
    steps: int,
    step: float,
    decay: float = 0.0,
    stop: bool = True,
) -> Found:
    """Run from ``start`` in steps of ``step`` times ``radius`` (n,) in the ball around ``x``."""
    rule = within(_moves(norm, x, radius, step, decay), ball(NORMS[norm], x, radius))
    return strongest_point(objective, start, rule, steps, y, targets, leave=stop)


def _moves(norm: str, x: Tensor, radius: Tensor, step: float, decay: float) -> Rule:
    steepest_ascent = steepest(NORMS[norm].steepest, step * radius)
    rule = _to_optimum(x, radius, step) if norm == "L1" else steepest_ascent
    return momentum(rule, decay, NORMS["L1"].size) if decay else rule


_Going = tuple[int, Tensor, Tensor]


def _to_optimum(x: Tensor, radius: Tensor, least: float) -> Rule:
    """Step a share of the way to the maximum of the linearised loss on L1 ball and box."""

    def update(point: Point, state: _Going) -> tuple[Tensor, _Going]:
        moves, x, radius = state
        optimum = furthest("L1", point.gradient, x, radius)
        share = max(2 / (moves + 2), least)
        return point.x + share * (optimum - point.x), (moves + 1, x, radius)

    return Rule(lambda _start: (0, x, radius), update)
