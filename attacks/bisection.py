"""Bisection per sample of the value from which on a condition holds."""

from collections.abc import Callable

import torch
from torch import Tensor

from advkit.engine import evaluate, rows
from advkit.engine.objectives import Model, margin

CLOSE = 1.001


def bisect(
    holds: Callable[[Tensor], Tensor], low: Tensor, high: Tensor, steps: int
) -> tuple[Tensor, Tensor]:
    """Bisect ``steps`` times between ``low`` (n,), where it does not hold, and ``high``.

    ``holds`` takes one number per sample and returns bools (n,). Returns the last ``low`` and
    ``high``; it held at every ``high`` except perhaps the first.
    """
    for _ in range(steps):
        middle = (low + high) / 2
        held = holds(middle)
        high, low = torch.where(held, middle, high), torch.where(held, low, middle)
    return low, high


def close_in(
    reach: Callable[[Tensor, Tensor, int], Tensor],
    high: Tensor,
    steps: int,
    *,
    first: float,
    most: float,
    whole: bool = False,
) -> Tensor:
    """Return the least numbers (n,) at which ``reach`` was seen to hold, ``high`` at most.

    `bisect` for expensive conditions that return more than a bool: ``reach(middle, index, step)``
    returns for the samples ``index`` a number at which it holds, possibly far below ``middle``, or
    infinity. While no upper end is known (``high`` infinite) ``middle`` doubles, from ``first`` to
    ``most``. Samples whose ends are within 0.1% (``whole`` numbers: neighbours) are finished.
    """
    low = torch.zeros_like(high)
    for step in range(steps):
        index = (high > CLOSE * low + whole).nonzero().squeeze(1)
        if not len(index):
            break
        a, b = low[index], high[index]
        middle = torch.where(b.isinf(), (2 * a).clamp(first, most), (a + b) / 2)
        middle = middle.floor() if whole else middle
        at = reach(middle, index, step)
        a, b = torch.where(at.isinf(), middle, a), torch.minimum(b, at)
        low[index] = torch.where(
            a < b, a, 0
        )  # found below a failure: then the failure proves little
        high[index] = b
    return high


def between(x: Tensor, x_adv: Tensor, share: Tensor) -> Tensor:
    """Return the point at ``share`` (n,) of the line from ``x`` to ``x_adv``; 1 is ``x_adv``."""
    tried = (x + rows(share, x) * (x_adv - x)).clamp(0, 1)
    return torch.where(rows(share == 1, x), x_adv, tried)


def line_search(
    model: Model,
    x: Tensor,
    y: Tensor,
    x_adv: Tensor,
    *,
    targets: Tensor | None = None,
    steps: int = 10,
) -> Tensor:
    """Return the nearest fooling point found between ``x`` and ``x_adv`` (n, ...).

    Bisects ``steps`` times and returns a point that was seen to fool, ``x_adv`` itself if no nearer
    one was. Every norm of the perturbation shrinks equally. Forward passes only.
    """

    def fooled(share: Tensor) -> Tensor:
        tried = between(x, x_adv, share)
        return evaluate(margin(model, y, targets), tried, gradient=False).value > 0

    low = torch.zeros(len(x), dtype=x.dtype, device=x.device)
    return between(x, x_adv, bisect(fooled, low, torch.ones_like(low), steps)[1])
