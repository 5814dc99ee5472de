"""PGD: steps along the gradient, brought back into ball and box."""

from collections.abc import Sequence
from typing import Any, Literal

from torch import Tensor

from advkit.attacks.walks import (
    Found,
    radii,
    random_start,
    repeated,
    strongest_point,
)
from advkit.engine import NORMS, Objective, Point, Rule, take
from advkit.engine.objectives import LOSSES, Model
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
) -> Tensor:
    """Return the best of ``steps`` + 1 points per restart (Madry et al. 2018).

    ``step`` is in units of ``eps``. ``decay`` > 0 adds momentum (Dong et al. 2018). Without
    ``random`` the first walk starts from ``x``; restarts are always random. The L1 step goes to
    the hundredth of the coordinates with the largest gradient (after Tramer and Boneh 2019).

    Knows: gradients
    Cost: restarts * (steps + 1) forward, restarts * steps backward
    Use: the reference inside a known ``eps``, and for adversarial training.
    Fails: where ``step`` does not suit the loss: raise ``steps``, or take `apgd`.
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
                     steps=steps, step=step, decay=decay)  # fmt: skip

    return repeated(walk, x, restarts).x


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
) -> Found:
    """Walk from ``start`` in steps of ``step`` times ``radius`` (n,) in the ball around ``x``."""
    rule = within(_moves(norm, step * radius, decay), ball(NORMS[norm], x, radius))
    return strongest_point(objective, start, rule, steps, y, targets)


def _moves(norm: str, step: Tensor, decay: float) -> Rule:
    rule = (
        _unblocked(steepest(_top, step)) if norm == "L1" else steepest(NORMS[norm].steepest, step)
    )
    return momentum(rule, decay, NORMS["L1"].size) if decay else rule


def _unblocked(rule: Rule) -> Rule:
    """Hide the slope of coordinates that already touch the wall it points to."""

    def update(point: Point, state: Any) -> tuple[Tensor, Any]:
        slope = point.gradient
        blocked = ((point.x <= 0) & (slope < 0)) | ((point.x >= 1) & (slope > 0))
        return rule.update(point._replace(gradient=slope.masked_fill(blocked, 0)), state)

    return Rule(rule.init, update)


def _top(gradient: Tensor, share: float = 0.01) -> Tensor:
    """Return the direction of L1 size one along the largest entries, in their proportions."""
    flat = gradient.flatten(1)
    large = flat.abs().topk(max(int(share * flat.shape[1]), 1), dim=1)
    weight = large.values / large.values.sum(1, keepdim=True).clamp_min(1e-38)
    sparse = flat.new_zeros(flat.shape).scatter(1, large.indices, weight)
    return (sparse * flat.sign()).reshape(gradient.shape)
