"""JSMA: change the entries that raise one logit and lower the others together."""

import math
from collections.abc import Sequence
from typing import Literal, NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import softsign

from advkit.attacks.minimum import Nearest, within
from advkit.attacks.sparse_units import by_place
from advkit.engine import NORMS, Objective, evaluate, take
from advkit.engine.objectives import Model, class_score, margins

ANGLES = 8  # between gain and loss, at which the partners of a pair are sought


def jsma(
    model: Model,
    x: Tensor,
    y: Tensor,
    *,
    eps: float | Tensor | None = None,
    norm: Literal["L0"] = "L0",
    targets: Tensor | None = None,
    seed: int = 0,
    ids: Sequence[str] | None = None,
    steps: int = 100,
    theta: float = 1.0,
    pairs: bool = True,
    direction: Literal["both", "up", "down"] = "both",
    unit: Literal["features", "pixels"] = "features",
) -> Tensor:
    """Return the first adversarial example found along a saliency map (Papernot et al. 2016).

    Each of ``steps`` moves the two entries (without ``pairs``: the one) of highest saliency by
    ``theta`` or up to the bound of the box. Saliency is, to first order, the gain of the target's
    logit times the loss of the sum of all other logits, where both are positive; without
    ``targets``, the loss of the label's logit times the gain of the others. Unlike in the paper,
    gains are multiplied by the distance that is left to the bound; entries move up or down,
    whichever is better (``direction`` "up" is the paper's theta > 0); and where no move has both,
    the one with the largest sum is made. Of n entries not all n^2 pairs are examined: candidates
    are those that are best under some weighting of both gains, and are improved one entry at a time
    against all entries. ``unit`` "pixels" moves all channels of a pixel the same way.

    Knows: gradients
    Cost: 1 + 2 * steps forward, 2 * steps backward
    Use: the classic, for comparison; with few classes and small images.
    Fails: where gradients at a point say little of large moves; `thinning` needs fewer entries.
    Paper: Papernot et al. 2016, arXiv:1511.07528
    """
    if not len(x):
        return x
    found, distance = x.clone(), torch.full((len(x),), torch.inf, dtype=x.dtype, device=x.device)
    view, sign = by_place(x, unit), -1.0 if targets is None else 1.0
    index = torch.arange(len(x), device=x.device)
    s = _State(index, view, view, y, () if targets is None else (targets,))
    for step in range(steps + 1):
        images = s.now.reshape(-1, *x.shape[1:])
        point = evaluate(class_score(model, *(s.targets or (s.y,))), images, step < steps)
        fooled = margins(point.output, s.y, *s.targets) > 0
        won, keep = s.which[fooled], (~fooled).nonzero().squeeze(1)
        found[won] = images[fooled]
        distance[won] = NORMS["L0"].size(found[won] - x[won])
        s, point = take((s, point), keep)
        if step == steps or not len(keep):
            break
        total = evaluate(_total(model), point.x).gradient.reshape(s.x.shape)
        slope = point.gradient.reshape(s.x.shape)
        s = s._replace(now=_moved(s, sign * slope, sign * (slope - total), theta, pairs, direction))
    return within(Nearest(found, distance), x, eps)


class _State(NamedTuple):
    which: Tensor
    x: Tensor  # (n, channels, places)
    now: Tensor
    y: Tensor
    targets: tuple[Tensor, ...]


def _total(model: Model) -> Objective:
    def value(x: Tensor) -> tuple[Tensor, Tensor]:
        logits = model(x)
        return logits.sum(1), logits

    return Objective(value)


def _moved(
    s: _State, one: Tensor, rest: Tensor, theta: float, pairs: bool, direction: str
) -> Tensor:
    """Move the places of highest saliency; ``one`` and ``rest`` are the gradients to ascend."""
    rising, falling = ((way * (s.now - s.x) >= 0).all(1, keepdim=True) for way in (1, -1))
    up = (1 - s.now).clamp_max(theta) * (rising & (direction != "down"))
    down = -s.now.clamp_max(theta) * (falling & (direction != "up"))
    way = torch.cat([up, down], 2)
    gain, loss = ((torch.cat([slope] * 2, 2) * way).sum(1) for slope in (one, rest))
    picked = best_pair(gain, loss) if pairs else saliency(gain, loss).argmax(1, keepdim=True)
    chosen = torch.zeros_like(gain, dtype=torch.bool).scatter(1, picked, True)[:, None]
    up, down = torch.where(chosen, way, 0.0).chunk(2, 2)
    return (s.now + up + down).clamp(0, 1)


def saliency(gain: Tensor, loss: Tensor) -> Tensor:
    """Return gain times loss where both are above zero; below zero elsewhere, by their sum."""
    return torch.where((gain > 0) & (loss > 0), gain * loss, softsign(gain + loss) - 1)


def best_pair(gain: Tensor, loss: Tensor) -> Tensor:
    """Return the two moves (n, 2) whose summed gains and losses have the highest saliency.

    Move i of (n, 2 * places) increases place i, those of the second half decrease it; both at one
    place are no pair.
    """
    start = torch.cat([_tops(gain, loss, angle) for angle in range(ANGLES)], 1)
    gains, losses = gain.gather(1, start), loss.gather(1, start)
    value = saliency(gains[:, :, None] + gains[:, None], losses[:, :, None] + losses[:, None])
    places, half = gain.shape[1] // 2, start.shape[1]
    same = (start[:, :, None] - start[:, None]) % places == 0
    best = value.masked_fill(same, -torch.inf).flatten(1).argmax(1, keepdim=True)
    one, other = start.gather(1, best // half), start.gather(1, best % half)
    for _ in range(2):  # best partner of each, among all
        one, other = other, _partner(gain, loss, other)
    return torch.cat([one, other], 1)


def _tops(gain: Tensor, loss: Tensor, angle: int) -> Tensor:
    """Return the two best moves (n, 2) with gain and loss weighted by sine and cosine."""
    turn = math.pi / 2 * (angle + 0.5) / ANGLES
    tiny = torch.finfo(gain.dtype).tiny
    gain, loss = (each / each.abs().amax(1, keepdim=True).clamp_min(tiny) for each in (gain, loss))
    return (math.sin(turn) * gain + math.cos(turn) * loss).topk(2, dim=1).indices


def _partner(gain: Tensor, loss: Tensor, one: Tensor) -> Tensor:
    places = torch.arange(gain.shape[1], device=gain.device)
    same = (places - one) % (gain.shape[1] // 2) == 0
    value = saliency(gain + gain.gather(1, one), loss + loss.gather(1, one))
    return value.masked_fill(same, -torch.inf).argmax(1, keepdim=True)
