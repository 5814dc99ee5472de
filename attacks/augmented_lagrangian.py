"""ALMA: the norm and a penalty on the margin whose strength is a multiplier."""

from collections.abc import Sequence
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from advkit.attacks.bisection import bisect
from advkit.attacks.minimum import enough, linear_distance, nearest_point, within
from advkit.attacks.polish import into_smaller_balls
from advkit.engine import NORMS, Objective, Point, Rule, rows
from advkit.engine.batch_invariant import power_of
from advkit.engine.objectives import Model, margins

FIRST_MOVE = {"L2": 4.0, "L1": 100.0}
CHECK_EVERY = 5
DECAY = 0.9


def alma(
    model: Model,
    x: Tensor,
    y: Tensor,
    *,
    eps: float | Tensor | None = None,
    norm: Literal["L2", "L1"] = "L2",
    targets: Tensor | None = None,
    seed: int = 0,
    ids: Sequence[str] | None = None,
    steps: int = 300,
    step_end: float = 0.001,
    first_move: float = 0.0,
    polish: int = 10,
) -> Tensor:
    """Return the nearest adversarial example among ``steps`` + 1 iterates (Rony et al. 2021).

    Minimises the norm plus P(s; rho, mu), where s is minus the margin divided by the difference of
    the first and third logits, and P is the paper's penalty: mu s + mu rho s^2 + rho^2 s^3 / 6
    where s >= 0, else mu s / (1 - rho s). mu becomes a running mean of the slope of P. rho grows by
    a fifth if none of the last five steps fooled, and either an earlier step did or s fell by less
    than a twentieth. (The paper uses ten steps, and only while no step has ever fooled: a sample
    that an early step fools by luck then stays just short of the boundary to the end.) Steps follow
    RMSprop with momentum. The step size is chosen so that the first move is ``first_move`` times
    the linear distance to the boundary (0: 4 in L2, 100 in L1), and falls to ``step_end`` of that
    from the first success on. With two classes s is divided by its size at ``x``, as there is no
    third logit. Not in the paper: distances are in units of the linear distance, so that no scale
    matters; and if an adversarial example was found, ``polish`` additional forward passes bisect
    the radius of a ball that it is projected onto.

    Knows: gradients
    Cost: steps + 1 forward, steps backward
    Use: L2 distances in one run, with no penalty weight to tune; a second opinion in L1.
    Fails: with few steps.
    Paper: Rony et al. 2021, arXiv:2011.11857
    """
    if not len(x):
        return x
    stop = enough(eps, x)
    rule = _lagrangian(x, y, targets, norm, steps, step_end, first_move or FIRST_MOVE[norm])
    objective = _ratio(model, y, targets)
    found = nearest_point(objective, x, rule, steps, x, y, targets, norm, stop)
    found = into_smaller_balls(model, x, y, targets, found, norm, stop, polish)
    return within(found, x, eps)


def _ratio(model: Model, y: Tensor, targets: Tensor | None) -> Objective:
    def value(x: Tensor, y: Tensor, *targets: Tensor) -> tuple[Tensor, Tensor]:
        logits = model(x)
        gap = margins(logits, y, *targets)
        if logits.shape[1] < 3:
            return gap, logits
        top = logits.topk(3, dim=1).values
        return gap / (top[:, 0] - top[:, 2] + 1e-8), logits

    return Objective(value, (y,) if targets is None else (y, targets))


class _State(NamedTuple):
    moves: int
    x: Tensor
    y: Tensor
    targets: tuple[Tensor, ...]
    scale: Tensor  # unit of the value
    reach: Tensor  # linear distance to the boundary
    mu: Tensor
    rho: Tensor
    checked: Tensor  # s at the last update of rho
    since: Tensor  # the first step that fooled; ``steps`` if none did
    lately: Tensor  # the last step that fooled
    rate: Tensor
    square: Tensor
    velocity: Tensor


def _lagrangian(
    x: Tensor,
    y: Tensor,
    targets: Tensor | None,
    norm: str,
    steps: int,
    step_end: float,
    first_move: float,
) -> Rule:
    def init(start: Tensor) -> _State:
        one, none = torch.ones_like(NORMS[norm].size(x)), torch.zeros_like(x)
        goal = () if targets is None else (targets,)
        return _State(0, x, y, goal, one, one, one, one, one, one * steps, -one, one, none, none)

    def update(point: Point, s: _State) -> tuple[Tensor, _State]:
        s = s if s.moves else _measure(point, s, norm)
        short = -point.value / s.scale
        fooled = margins(point.output, s.y, *s.targets) > 0
        s = _multipliers(short, s._replace(lately=torch.where(fooled, float(s.moves), s.lately)))
        since = torch.where(fooled & (s.since == steps), float(s.moves), s.since)
        away = point.x - s.x
        longer = away.sign() if norm == "L1" else NORMS["L2"].steepest(away)
        down = longer / rows(s.reach, s.x)
        weight = _slope_of_penalty(short, s.rho, s.mu).nan_to_num(1.0)
        down = down - rows(weight / s.scale, s.x) * point.gradient
        square = DECAY * s.square + (1 - DECAY) * down.square()
        move = down / (square.sqrt() + 1e-8)
        rate = s.rate if s.moves else _first_rate(norm, s.x, move, first_move * s.reach)
        velocity = DECAY * s.velocity + move
        share = (s.moves - since).clamp_min(0) / (steps - since).clamp_min(1)
        ahead = (
            point.x - rows(rate * power_of(max(step_end, 1e-12), share), s.x) * velocity
        ).clamp(0, 1)
        return ahead, s._replace(
            moves=s.moves + 1, since=since, rate=rate, square=square, velocity=velocity
        )

    return Rule(init, update)


def _measure(point: Point, s: _State, norm: str) -> _State:
    """Set the units of the value, unless it is a ratio already, and of distances."""
    ratio = point.output.shape[1] > 2
    size = torch.ones_like(point.value) if ratio else point.value.abs()
    reach, _ = linear_distance(point, norm)
    most = float(s.x[0].numel())
    return s._replace(
        scale=size.nan_to_num(1.0).clamp_min(1e-8),
        reach=reach.clamp(1e-6, most),
    )


def _multipliers(short: Tensor, s: _State) -> _State:
    """Return the state with updated ``rho`` and ``mu``, given s at the current point."""
    rho, checked = s.rho, s.checked
    if s.moves % CHECK_EVERY == 0:
        slow = (short >= 0.95 * checked) | (s.since < s.moves)
        stuck = slow & (s.lately <= s.moves - CHECK_EVERY)
        rho, checked = (torch.where(stuck, 1.2 * rho, rho) if s.moves else rho), short
    slope = _slope_of_penalty(short, rho, s.mu).nan_to_num(1.0)
    mean = slope if s.moves == 0 else DECAY * s.mu + (1 - DECAY) * slope
    return s._replace(rho=rho, checked=checked, mu=mean.clamp(1e-6, 1e12))


def _slope_of_penalty(short: Tensor, rho: Tensor, mu: Tensor) -> Tensor:
    above = mu + 2 * mu * rho * short + rho.square() * short.square() / 2
    return torch.where(short >= 0, above, mu / (1 - rho * short.clamp_max(0)).square())


def _first_rate(norm: str, x: Tensor, move: Tensor, size: Tensor) -> Tensor:
    """Return the rate (n,) at which ``x`` - rate * ``move``, in the box, is ``size`` away."""

    def reached(rate: Tensor) -> Tensor:
        return NORMS[norm].size((x - rows(rate, x) * move).clamp(0, 1) - x) >= size

    low = torch.zeros_like(NORMS[norm].size(x))
    return bisect(reached, low, torch.ones_like(low), 30)[1]
