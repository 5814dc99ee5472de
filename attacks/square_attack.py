"""Square: random search over squares, by scores only."""

from collections.abc import Sequence
from functools import partial
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from advkit.attacks.square_windows import Windows, move_mass, recolour, striped, tiled
from advkit.attacks.walks import radii
from advkit.engine import evaluate, take
from advkit.engine.objectives import Model, margin, margins
from advkit.engine.seeding import keys, uniform

BLOCK = 64  # iterations whose random numbers are drawn at once
HALVINGS = (10, 50, 200, 500, 1000, 2000, 4000, 6000, 8000)  # of 10,000 queries


class _State(NamedTuple):
    which: Tensor
    x: Tensor
    y: Tensor
    targets: Tensor
    radius: Tensor
    stream: Tensor
    best: Tensor
    margin: Tensor
    draws: Tensor


def square(
    model: Model,
    x: Tensor,
    y: Tensor,
    *,
    eps: float | Tensor,
    norm: Literal["Linf", "L2", "L1"] = "Linf",
    targets: Tensor | None = None,
    seed: int = 0,
    ids: Sequence[str] | None = None,
    queries: int = 1000,
    share: float = 0.8,
) -> Tensor:
    """Return the best of ``queries`` points (Andriushchenko et al. 2020; L1: Croce and Hein 2021).

    Windows and colours are drawn for each sample separately. A ``share`` of the image is changed at
    first and half as much after each mark of the schedule, which is stretched over the budget.
    Images (n, c, h, w) may have any size; other shapes are treated as rows one pixel high.

    Knows: scores
    Cost: queries forward, 0 backward
    Use: a check on gradients: where it is stronger, they mislead.
    Fails: with few queries.
    Paper: Andriushchenko et al. 2020, arXiv:1912.00049
    """
    if not len(x):
        return x
    images = x if x.ndim == 4 else x.reshape(len(x), x.shape[1] if x.ndim == 3 else 1, 1, -1)
    found = images.clone()
    ask = partial(_margins, model, x.shape[1:])
    s = _begin(images, y, targets, radii(eps, x), keys(seed, ids, x, "square"), norm)
    s = s._replace(margin=ask(s, s.best))
    for i in range(queries - 1):
        keep = (~(s.margin > 0)).nonzero().squeeze(1)
        if len(keep) < len(s.which):
            found[s.which], s = s.best, take(s, keep)
        if not len(s.which):
            break
        if i % BLOCK == 0:
            channels = images.shape[1]
            s = s._replace(draws=uniform(s.stream, (BLOCK, 5 + channels), 1 + i // BLOCK))
        windows = Windows.of(images.shape, share_at(i, queries, share), norm)
        tried = _propose(s, windows, s.draws[:, i % BLOCK], norm)
        reached = ask(s, tried)
        better = (reached > s.margin)[:, None, None, None]
        s = s._replace(
            best=torch.where(better, tried, s.best),
            margin=torch.where(reached > s.margin, reached, s.margin),
        )
    found[s.which] = s.best
    return found.reshape(x.shape)


def share_at(iterate: int, queries: int, share: float) -> float:
    """Return the share of the image that the window of ``iterate`` covers."""
    place = iterate / queries * 10_000
    return share * 0.5 ** sum(place > mark for mark in HALVINGS)


def _begin(
    x: Tensor, y: Tensor, targets: Tensor | None, radius: Tensor, stream: Tensor, norm: str
) -> _State:
    start = striped(x, radius, stream) if norm == "Linf" else tiled(x, radius, stream, norm)
    none = torch.full_like(y, -1)
    aim = none if targets is None else targets
    index = torch.arange(len(x), device=x.device)
    return _State(index, x, y, aim, radius, stream, start, radius, stream)


def _margins(model: Model, shape: torch.Size, s: _State, tried: Tensor) -> Tensor:
    """Return the margins of ``tried``, as inputs of ``shape``; NaN counts as minus infinity."""
    batch = tried.reshape(-1, *shape)
    logits = evaluate(margin(model, s.y), batch, gradient=False).output
    found = margins(logits, s.y, None if (s.targets < 0).all() else s.targets)
    return found.nan_to_num(-torch.inf, torch.inf, -torch.inf)


def _propose(s: _State, windows: Windows, draws: Tensor, norm: str) -> Tensor:
    if norm == "Linf":
        return recolour(s.best, s.x, s.radius, windows, draws)
    return move_mass(s.best, s.x, s.radius, windows, draws, norm)
