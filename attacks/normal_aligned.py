"""SuperDeepFool: DeepFool to the boundary, then the perturbation aligned with its normal."""

from collections.abc import Sequence
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from advkit.attacks.boundaries import differences
from advkit.attacks.hyperplane import cross
from advkit.attacks.minimum import enough, nearest_point, within
from advkit.attacks.nearest_linearised_boundary import Moves, linearised
from advkit.attacks.polish import polished
from advkit.engine import Point, Rule, rows
from advkit.engine.objectives import Model, margins


def superdeepfool(
    model: Model,
    x: Tensor,
    y: Tensor,
    *,
    eps: float | Tensor | None = None,
    norm: Literal["L2"] = "L2",
    targets: Tensor | None = None,
    seed: int = 0,
    ids: Sequence[str] | None = None,
    steps: int = 100,
    candidates: int = 1,
    overshoot: float = 0.02,
    polish: int = 10,
) -> Tensor:
    """Return the nearest adversarial example of ``steps`` + 1 iterates (Abdollahpoor et al. 2024).

    Steps of `deepfool` are made until the boundary is crossed. There, with w the gradient of the
    logit of the class reached minus that of ``y``, the perturbation is projected onto w, because
    that of the nearest point is orthogonal to the boundary; and so on from the result. The
    projection is that of ``x`` onto the plane of normal w through the crossing point, restricted to
    the box.

    The paper stops at the first projected point that fools. Here all ``steps`` are used, and the
    k-th crossing of a sample goes only 1 / sqrt(k) of the way to its projection: full projections
    turn too far where the boundary is curved, and go round in circles. ``candidates``,
    ``overshoot`` and ``polish`` are those of `deepfool`.

    Knows: gradients
    Cost: steps + 1 forward, steps * min(candidates, classes - 1) backward
    Use: L2 distances of nets that are nearly linear around the image, in few steps.
    Fails: where DeepFool's first crossing is far away: it turns, but rarely leaves that region.
    Paper: Abdollahpoor et al. 2024, arXiv:2303.12481
    """
    if not len(x):
        return x
    stop = enough(eps, x)
    objective, rule = differences(model, y, targets, candidates), _turned(x, y, targets, overshoot)
    found = nearest_point(objective, x, rule, steps, x, y, targets, norm, stop)
    return within(polished(model, x, y, targets, found, norm, stop, polish), x, eps)


class _State(NamedTuple):
    x: Tensor
    y: Tensor
    targets: tuple[Tensor, ...]
    crossings: Tensor
    inner: tuple[Moves, Tensor]


def _turned(x: Tensor, y: Tensor, targets: Tensor | None, overshoot: float) -> Rule:
    rule = linearised("L2", x, overshoot)

    def init(start: Tensor) -> _State:
        goal = () if targets is None else (targets,)
        return _State(x, y, goal, torch.zeros_like(y), rule.init(start))

    def update(point: Point, s: _State) -> tuple[Tensor, _State]:
        over = margins(point.output, s.y, *s.targets) > 0
        crossed, crossings = rows(over, point.x), s.crossings + over
        ahead, (moves, longest) = rule.update(point, s.inner)
        slope = point.gradient[:, 0]
        aligned = cross("L2", s.x, slope, (slope * (point.x - s.x)).flatten(1).sum(1))
        share = rows(crossings.clamp_min(1).to(x.dtype).rsqrt(), slope)
        turned = (point.x + share * (aligned - point.x)).clamp(0, 1)
        start = torch.where(crossed, turned, moves.start)
        begun = Moves(start, moves.total.masked_fill(crossed, 0))
        ahead = torch.where(crossed, turned, ahead)
        return ahead, s._replace(crossings=crossings, inner=(begun, longest))

    return Rule(init, update)
