"""Sounds that are misclassified, with a perturbation below the masking threshold."""

from collections.abc import Sequence
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from advkit.attacks.walks import radii
from advkit.engine import NORMS, Objective, Point, Rule, ascend, best, rows
from advkit.engine.batch_invariant import power_of
from advkit.engine.objectives import Model, margins
from advkit.engine.psychoacoustics import Masking, excess, masking, sound
from advkit.engine.rules import Moments

SURE = 1.0
"""Margin from which on only audibility is reduced."""
FIRST, UP, DOWN = 0.02, 1.1, 0.7
"""Initial weight of audibility, and its factors after a step that fools and after one that does not
(Qin et al. change it by 1.2 every 20 steps and by 0.8 every 50)."""


def masked(
    model: Model,
    x: Tensor,
    y: Tensor,
    *,
    eps: float | Tensor | None = None,
    norm: Literal["L2", "Linf"] = "L2",
    targets: Tensor | None = None,
    seed: int = 0,
    ids: Sequence[str] | None = None,
    rate: int = 8000,
    steps: int = 300,
    step: float = 0.3,
) -> Tensor:
    """Return sounds (n, length) misheard by what the ear notices least (Qin et al. 2019).

    Adam on the margin and on how far the perturbation exceeds the masking threshold of the sound
    (`engine.hearing`), in dB, averaged over time and frequency; the weight of the latter grows
    while the sound is misheard and falls while it is not. The variable is the short-time spectrum
    in units of the threshold, so that a step of ``step`` is equally audible everywhere. Of the
    points that fool, within ``eps`` if it is given, the one with the least excess is returned, else
    ``x``. Values in [0, 1] stand for [-1, 1] of the sound; ``rate`` is in Hz.

    Knows: gradients
    Cost: steps + 1 forward, 2 * steps backward
    Use: speech, where the ear and not a norm decides what is small.
    Fails: in the silence around a word, which masks nothing.
    Paper: Qin et al. 2019, arXiv:1903.10346
    """
    del seed, ids
    if not len(x):
        return x
    hidden = masking(2 * x - 1, rate)
    walk = ascend(
        Objective(
            lambda z, *fixed: heard(model, norm, z, *fixed),
            (x, *hidden, radii(1e9 if eps is None else eps, x), y)
            + (() if targets is None else (targets,)),
        ),
        x.new_zeros(len(x), 2, *hidden.level.shape[1:]),
        balanced(step, steps),
        steps,
    )
    found, top = best(walk, lambda p: torch.where(p.value[:, 0] > 0, p.value[:, 1], -torch.inf))
    radius = radii(1e9 if eps is None else eps, x)
    return torch.where(rows(top.isinf(), x), x, moved(found, x, hidden, radius, norm))


def heard(
    model: Model, norm: str, z: Tensor, x: Tensor, level: Tensor, reference: Tensor,
    radius: Tensor, y: Tensor, *goal: Tensor,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """Return the margin up to `SURE` and minus the mean excess in dB, (n, 2), and the logits."""
    hidden = Masking(level, reference)
    x_adv = moved(z, x, hidden, radius, norm)
    logits = model(x_adv)
    margin = margins(logits, y, *goal).clamp_max(SURE)
    return torch.stack([margin, -excess(2 * (x_adv - x), hidden).mean((1, 2))], 1), logits


def moved(z: Tensor, x: Tensor, hidden: Masking, radius: Tensor, norm: str) -> Tensor:
    """Return ``x`` under the perturbation whose spectrum in units of the threshold is ``z``."""
    room = power_of(10, (hidden.level - hidden.reference[:, None, None]) / 20)
    change = sound(torch.complex(z[:, 0] * room, z[:, 1] * room), x.shape[1]) / 2
    size = NORMS[norm].size(change).clamp_min(torch.finfo(x.dtype).tiny)
    return (x + rows((radius / size).clamp_max(1.0), x) * change).clamp(0, 1)


class State(NamedTuple):
    """The weight of audibility (n,), and the moments of Adam."""

    weight: Tensor
    moments: Moments


def balanced(step: float, steps: int) -> Rule:
    """Return the rule that ascends both values, with an adaptive weight of the second.

    Its steps are annealed to 0 over ``steps``.
    """

    def init(z: Tensor) -> State:
        return State(z.new_full((len(z),), FIRST), Moments.none(z))

    def update(point: Point, state: State) -> tuple[Tensor, State]:
        factor = torch.where(point.value[:, 0] > 0, UP, DOWN).to(state.weight)
        weight = (state.weight * factor).clamp(1e-4, 1e4)
        slope, ear = point.gradient.unbind(1)
        moments = state.moments.add(slope + rows(weight, slope) * ear)
        move = moments.mean / moments.bias / moments.spread
        left = 1 - (moments.number - 1) / steps
        return point.x + step * left * move, State(weight, moments)

    return Rule(init, update)
