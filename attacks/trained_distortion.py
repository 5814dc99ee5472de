"""Distortion: a black image optimised for another class, added to the photograph by degrees."""

from collections.abc import Sequence
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from advkit.attacks.bisection import bisect
from advkit.attacks.minimum import Nearest, enough, within
from advkit.attacks.walks import strongest_point
from advkit.engine import NORMS, evaluate, rows, take
from advkit.engine.objectives import Model, class_score, margin, rivals
from advkit.engine.rules import box, steepest
from advkit.engine.rules import within as kept_within

LARGEST = 8.0
"""The largest share that is tried; nearly all pixels of the distortion are white by then."""


def distortion(
    model: Model,
    x: Tensor,
    y: Tensor,
    *,
    eps: float | Tensor | None = None,
    norm: Literal["Linf", "L2", "L1"] = "L2",
    targets: Tensor | None = None,
    seed: int = 0,
    ids: Sequence[str] | None = None,
    steps: int = 40,
    step: float = 0.02,
    shares: int = 8,
    polish: int = 10,
) -> Tensor:
    """Return ``x`` plus the least share found of a separately trained image (Stanford CS231n).

    A black image d maximises the score of the target class for ``steps`` steps of ``step`` along
    the sign of the gradient, within the box; the iterate most confidently of that class is kept.
    clip(x + s d) is then queried at ``shares`` growing s, each twice the last and the largest 8,
    and the first interval that ends beyond the boundary is bisected ``polish`` times: that is how
    much of the distortion is needed. The target is ``targets``, or the likeliest other class at
    ``x``, in which case any misclassification counts. The lecture stops training at the first image
    that the net classifies as the target; continuing to the last step halves the share that is
    needed.

    Knows: gradients
    Cost: steps + 2 + shares forward, steps backward
    Use: to see how much of a pattern that the net takes for a class fools it on a photograph.
    Fails: as a measure of distance: the direction does not depend on the photograph.
    Paper: Li, Johnson and Yeung 2017, Stanford CS231n, lecture 12; Simonyan et al. 2013,
        arXiv:1312.6034
    """
    if not len(x):
        return x
    stop = enough(eps, x)
    clean = evaluate(margin(model, y, targets), x, gradient=False)
    distance = torch.full_like(stop, torch.inf).masked_fill(clean.value > 0, 0)
    left = distance.isinf().nonzero().squeeze(1)
    if not len(left):
        return x
    aim = rivals(clean.output, y, targets)[0][left]
    goal = () if targets is None else (aim,)
    photo = _Photograph(x[left], y[left], goal, _trained(model, x[left], aim, steps, step))
    share = _needed(model, photo, shares, polish, norm, stop[left])
    moved = photo.plus(share.nan_to_num(0.0, posinf=0.0))
    size = torch.where(share.isinf(), torch.inf, NORMS[norm].size(moved - photo.x))
    found = Nearest(x.index_put((left,), moved), distance.index_put((left,), size))
    return within(found, x, eps)


def _trained(model: Model, x: Tensor, aim: Tensor, steps: int, step: float) -> Tensor:
    """Return images (n, ...) optimised from black for the score of ``aim`` (n,)."""
    pace = x.new_full((len(x),), step)
    rule = kept_within(steepest(NORMS["Linf"].steepest, pace), box())
    black, score = torch.zeros_like(x), class_score(model, aim)
    return strongest_point(score, black, rule, steps, aim, aim, leave=False).x


class _Photograph(NamedTuple):
    """Images, labels, targets if there are any, and the distortions."""

    x: Tensor
    y: Tensor
    targets: tuple[Tensor, ...]
    distortion: Tensor

    def plus(self, share: Tensor) -> Tensor:
        """Return the images with a ``share`` (n,) of their distortion."""
        return (self.x + rows(share, self.x) * self.distortion).clamp(0, 1)


def _needed(
    model: Model, photo: _Photograph, shares: int, polish: int, norm: str, stop: Tensor
) -> Tensor:
    """Return the least share (n,) of the distortions seen to fool, infinity if none was."""

    def fooled(index: Tensor, share: Tensor) -> Tensor:
        some = take(photo, index)
        goal = margin(model, some.y, *some.targets)
        return evaluate(goal, some.plus(share), gradient=False).value > 0

    low, high = torch.zeros_like(stop), torch.full_like(stop, torch.inf)
    for number in range(shares):
        left = high.isinf().nonzero().squeeze(1)
        if not len(left):
            break
        share = torch.full_like(low[left], LARGEST * 2.0 ** (number + 1 - shares))
        over = fooled(left, share)
        low[left], high[left] = torch.where(over, low[left], share), high[left].where(~over, share)
    reached = photo.plus(high.nan_to_num(posinf=0.0))
    far = high.isfinite() & (NORMS[norm].size(reached - photo.x) > stop)
    left = far.nonzero().squeeze(1)
    if len(left):
        high[left] = bisect(lambda share: fooled(left, share), low[left], high[left], polish)[1]
    return high
