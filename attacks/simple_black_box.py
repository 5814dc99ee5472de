"""SimBA: one direction of an orthonormal basis after another, with the sign that helps."""

from collections.abc import Sequence
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from advkit.attacks.cosine_basis import entry, shuffled, wave
from advkit.attacks.walks import Found, radii
from advkit.engine import NORMS, Objective, evaluate, rows, take
from advkit.engine.objectives import Model, margin
from advkit.engine.rules import Constraint, ball
from advkit.engine.seeding import keys

SKIPS = 8  # consecutive directions that may be skipped because the box allows no change


def simba(
    model: Model,
    x: Tensor,
    y: Tensor,
    *,
    eps: float | Tensor,
    norm: Literal["L2", "Linf", "L1"] = "L2",
    targets: Tensor | None = None,
    seed: int = 0,
    ids: Sequence[str] | None = None,
    queries: int = 1000,
    basis: Literal["pixels", "dct"] = "dct",
    step: float = 0.2,
) -> Tensor:
    """Return the best of ``queries`` points (SimBA, Guo et al. 2019).

    Tries one direction after another, in random order: ``step`` times ``eps`` up, and if the margin
    does not rise, down; what helps is kept, within ball and box. ``basis`` "dct" uses waves of the
    discrete cosine transform, low frequencies first; "pixels" uses single entries.

    Knows: scores
    Cost: queries forward, 0 backward
    Use: the simplest score-based attack, hard to get wrong.
    Fails: with few queries on large images.
    Paper: Guo et al. 2019, arXiv:1905.07121
    """
    if not len(x):
        return x
    radius, stream = radii(eps, x), keys(seed, ids, x, "simba")
    region = ball(NORMS[norm], x, radius)
    objective = margin(model, y, targets)
    order = shuffled(stream, x.shape[1:], waves=basis == "dct")
    index = torch.arange(len(x), device=x.device)
    none = torch.zeros_like(index)
    found = Found(x.clone(), _ask(objective, x))
    s = _State(index, objective, region, order, none, step * radius, x, found.margin)
    for _ in range(queries - 1):
        keep = (~(s.margin > 0)).nonzero().squeeze(1)
        if len(keep) < len(s.which):
            found.x[s.which] = s.x
            s = take(s, keep)
        if not len(s.which):
            break
        s, tried = _propose(s, basis, norm)
        reached = _ask(s.objective, tried)
        better = reached > s.margin
        s = s._replace(
            x=torch.where(rows(better, x), tried, s.x),
            margin=torch.where(better, reached, s.margin),
            tries=s.tries + torch.where(better, 2 - s.tries % 2, 1),
        )
    found.x[s.which] = s.x
    return found.x


class _State(NamedTuple):
    which: Tensor
    objective: Objective
    region: Constraint
    order: Tensor
    tries: Tensor
    length: Tensor
    x: Tensor
    margin: Tensor


def _ask(objective: Objective, x: Tensor) -> Tensor:
    return evaluate(objective, x, gradient=False).value.nan_to_num(
        -torch.inf, torch.inf, -torch.inf
    )


def _propose(s: _State, basis: str, norm: str) -> tuple[_State, Tensor]:
    for _ in range(SKIPS):
        place = s.order.gather(1, (s.tries // 2 % s.order.shape[1])[:, None]).squeeze(1)
        q = entry(place, s.x) if basis == "pixels" else wave(place, s.x)
        length = s.length / NORMS[norm].size(q)
        move = rows(torch.where(s.tries % 2 == 0, length, -length), q) * q
        tried = s.region.nearest(s.x + move, *s.region.fixed)
        idle = NORMS[norm].size(tried - s.x) < 0.01 * s.length
        if not idle.any():
            break
        s = s._replace(tries=s.tries + idle.long())
    return s, tried
