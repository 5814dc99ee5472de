"""Sounds that are misheard, with a perturbation that hides below the masking threshold."""

from collections.abc import Sequence
from functools import partial
from typing import Literal

import torch
from torch import Tensor

from advkit.attacks.shrinking_bound import shrinking, smallest_success
from advkit.attacks.walks import radii
from advkit.engine import NORMS, Objective, Point, ascend, rows
from advkit.engine.hearing import masking, sound
from advkit.engine.objectives import Model, margins


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
    steps: int = 200,
    above: float = 20.0,
) -> Tensor:
    """Return the sounds (n, length) misheard by the perturbation least above masking (Qin 2019).

    The perturbation is built from a short-time spectrum whose every bin is at most so much as the
    masking threshold of the sound lets pass (`engine.hearing`), times a bound: at first ``above``
    dB, and smaller after every success. Of the points that fool, within ``eps`` if it is given, the
    one with the smallest bound is returned, else ``x``. The paper instead adds the excess over the
    threshold to the loss; here nothing has to be weighed. Sounds stand in [0, 1] for [-1, 1].

    Knows: gradients
    Cost: steps + 1 forward, steps backward
    Use: speech, where the ear and not a norm shall judge what is small.
    Fails: in the silence around a word, which masks nothing.
    Paper: Qin et al. 2019, arXiv:1903.10346; Carlini and Wagner 2018, arXiv:1801.01944
    """
    del seed, ids
    if not len(x):
        return x
    hidden = masking(2 * x - 1, rate)
    room = 10 ** ((hidden.level - hidden.reference[:, None, None]) / 20)
    radius = radii(torch.inf if eps is None else eps, x)
    goal = () if targets is None else (targets,)

    def heard(z: Tensor, x: Tensor, room: Tensor, y: Tensor, radius: Tensor, *goal: Tensor):  # type: ignore[no-untyped-def]
        x_adv = moved(z, x, room, radius, norm)
        logits = model(x_adv)
        return margins(logits, y, *goal), logits

    start = x.new_zeros(len(x), 2, *room.shape[1:])
    bound = torch.full_like(radius, 10 ** (above / 20))
    objective = Objective(heard, (x, room, y, radius, *goal))
    walk = ascend(objective, start, shrinking(bound, fooled), steps)
    found, level = smallest_success(walk, fooled)
    x_adv = moved(found, x, room, radius, norm)
    return torch.where(rows(level.isinf(), x), x, x_adv)


def fooled(point: Point) -> Tensor:
    """Return where the margin is over the boundary, (n,)."""
    return point.value > 0


def moved(z: Tensor, x: Tensor, room: Tensor, radius: Tensor, norm: str) -> Tensor:
    """Return ``x`` under the perturbation with the spectrum ``z`` (n, 2, bins, frames) times room.

    A bin beyond the unit circle is drawn back by the square of its corner only: |z| is at most the
    root of two times its largest part, which `excess` then tells.
    """
    change = sound(torch.complex(z[:, 0] * room, z[:, 1] * room), x.shape[1]) / 2
    near = torch.where(radius.isinf(), torch.zeros_like(radius), radius)
    free = (x + change).clamp(0, 1)
    if bool(radius.isinf().all()):
        return free
    return NORMS[norm].confine(x + change, x, near)


masked_above = partial(masked, above=0.0)
"""Never above the threshold at all."""
