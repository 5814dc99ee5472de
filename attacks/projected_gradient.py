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
from advkit.engine import NORMS, Point, Rule
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
    loss: Literal["ce", "dlr", "margin"] = "ce",
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

    def walk(index: Tensor, restart: int) -> Found:
        x0, y0, r0 = x[index], y[index], radius[index]
        t0 = None if targets is None else targets[index]
        start = x0
        if random or restart:
            start = random_start(norm, stream[index], x0, r0, stream=restart, surface=False)
        rule = within(_moves(norm, step * r0, decay), ball(NORMS[norm], x0, r0))
        return strongest_point(LOSSES[loss](model, y0, t0), start, rule, steps, y0, t0)

    return repeated(walk, x, restarts).x


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
