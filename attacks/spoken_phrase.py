"""Adversarial sounds that a recogniser with CTC transcribes as a chosen phrase."""

from collections.abc import Sequence

import torch
from torch import Tensor

from advkit.attacks.shrinking_bound import largest, shrinking
from advkit.engine import Objective, Point, ascend, best
from advkit.engine.objectives import Model
from advkit.models.sequence import ctc_loss, padded, transcribed


def say(
    model: Model,
    x: Tensor,
    phrases: Sequence[tuple[int, ...]],
    *,
    eps: float | Tensor,
    steps: int = 400,
    rate: float = 0.1,
    shrink: float = 0.8,
) -> tuple[Tensor, Tensor]:
    """Return sounds (n, length) transcribed as ``phrases``, and whether they are, (n,).

    Adam on the CTC loss of the phrase within a Linf bound, initially ``eps`` (a number or one per
    sample), that shrinks after every success (Carlini and Wagner 2018, arXiv:1801.01944). ``model``
    returns logits (n, frames, 1 + classes) of sounds in [0, 1]. Returns the iterate with exactly
    this transcription and the smallest Linf size, else ``x``.
    """
    words, lengths = (each.to(x.device) for each in padded(phrases))
    bound = torch.as_tensor(eps, dtype=x.dtype, device=x.device).expand(len(x)).clone()

    def chance(z: Tensor, x: Tensor, words: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        logits = model((x + z).clamp(0, 1))
        return -ctc_loss(logits, words, lengths), logits

    def said(point: Point) -> Tensor:
        heard = transcribed(point.output)
        right = [heard[i] == tuple(phrases[int(at)]) for i, at in enumerate(point.which)]
        return torch.tensor(right, device=x.device)

    walk = ascend(
        Objective(chance, (x, words, lengths)),
        torch.zeros_like(x),
        shrinking(bound, said, rate=rate, shrink=shrink),
        steps,
    )
    found, top = best(walk, lambda point: torch.where(said(point), -largest(point), -torch.inf))
    return (x + found).clamp(0, 1), ~top.isinf()
