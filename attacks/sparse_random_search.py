"""Sparse-RS: random search over the pixels to change and their values, by scores only."""

from collections.abc import Sequence
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from advkit.attacks.sparse_units import by_place
from advkit.attacks.walks import radii
from advkit.engine import evaluate, take
from advkit.engine.objectives import Model, margin
from advkit.engine.seeding import keys, uniform

SCHEDULE = ((0, 1), (50, 2), (200, 4), (500, 5), (1000, 6), (2000, 8), (4000, 10), (6000, 12),
            (8000, 15), (10_000, 20))  # fmt: skip
"""The query of 10,000 up to which the share of pixels exchanged is divided by a factor."""


class _State(NamedTuple):
    which: Tensor
    x: Tensor  # (n, channels, places)
    y: Tensor
    targets: tuple[Tensor, ...]
    stream: Tensor
    pixels: Tensor  # number of pixels that may change, (n,)
    changed: Tensor  # (n, places)
    best: Tensor
    margin: Tensor


def sparse_rs(
    model: Model,
    x: Tensor,
    y: Tensor,
    *,
    eps: float | Tensor,
    norm: Literal["L0"] = "L0",
    targets: Tensor | None = None,
    seed: int = 0,
    ids: Sequence[str] | None = None,
    queries: int = 1000,
    share: float = 0.3,
    unit: Literal["features", "pixels"] = "pixels",
) -> Tensor:
    """Return the best of ``queries`` points with as many new pixels as ``eps`` allows.

    New pixels are corners of the colour cube. At each query some of them, a falling ``share``, get
    their old colours back and as many others are drawn; a change that raises the margin is kept.
    The schedule is stretched over the budget. Unlike in the paper, pixels that were reset may be
    drawn again, in another colour, and a corner equal to the old colour is replaced by the opposite
    one. ``unit`` "features" changes single entries. As ``eps`` counts entries, ``x`` is returned
    and the model not queried if it is less than the number of channels.

    Knows: scores
    Cost: queries forward, 0 backward
    Use: few pixels where only scores are known; a check on gradients in L0.
    Fails: with few queries; weaker than `sigma_zero` where gradients can be trusted.
    Paper: Croce et al. 2022, arXiv:2006.12834
    """
    view = by_place(x, unit)
    channels, places = view.shape[1:]
    pixels = (radii(eps, x) / channels + 1e-6).floor().clamp_max(places)
    able = (pixels > 0).nonzero().squeeze(1)
    if not len(able):
        return x
    found = view.clone()
    s = take(_begin(view, y, targets, keys(seed, ids, x, "sparse_rs"), pixels), able)
    for i in range(queries):
        tried, changed = _first(s) if i == 0 else _exchanged(s, share_at(i, queries, share), i)
        s = _kept(model, s, tried, changed, x.shape[1:])
        found[s.which] = s.best
        s = take(s, (~(s.margin > 0)).nonzero().squeeze(1))
        if not len(s.which):
            break
    return found.reshape(x.shape)


def share_at(query: int, queries: int, share: float) -> float:
    """Return the share of the changed pixels that is exchanged at ``query``."""
    place = query / queries * 10_000
    return share / next(parts for last, parts in SCHEDULE if place <= last)


def _begin(x: Tensor, y: Tensor, targets: Tensor | None, stream: Tensor, pixels: Tensor) -> _State:
    which, aim = torch.arange(len(x), device=x.device), () if targets is None else (targets,)
    none = torch.zeros_like(x[:, 0], dtype=torch.bool)
    low = torch.full_like(pixels, -torch.inf)
    return _State(which, x, y, aim, stream, pixels, none, x, low)


def _first(s: _State) -> tuple[Tensor, Tensor]:
    draws = uniform(s.stream, (1 + s.x.shape[1], s.x.shape[2]))
    changed = _lowest(draws[:, 0], torch.ones_like(s.changed), s.pixels)
    return torch.where(changed[:, None], _corners(draws[:, 1:], s.x), s.x), changed


def _exchanged(s: _State, share: float, query: int) -> tuple[Tensor, Tensor]:
    """Return the best points with some pixels reset and others changed, and which are changed."""
    draws = uniform(s.stream, (2 + s.x.shape[1], s.x.shape[2]), query)
    number = (share * s.pixels).floor().clamp_min(1)
    leave = _lowest(draws[:, 0], s.changed, number)
    enter = _lowest(draws[:, 1], ~s.changed | leave, number)
    tried = torch.where(leave[:, None], s.x, s.best)
    tried = torch.where(enter[:, None], _corners(draws[:, 2:], s.x), tried)
    return tried, (s.changed & ~leave) | enter


def _lowest(score: Tensor, allowed: Tensor, number: Tensor) -> Tensor:
    """Return a mask of the ``number`` (n,) lowest scores among the ``allowed``, (n, places)."""
    order = torch.where(allowed, score, 2.0).argsort(dim=1, stable=True)
    first: Tensor = order.argsort(dim=1) < number[:, None]
    return allowed & first


def _corners(draws: Tensor, x: Tensor) -> Tensor:
    corners = (draws > 0.5).to(x.dtype)
    return torch.where((corners == x).all(1, keepdim=True), 1 - corners, corners)


def _kept(model: Model, s: _State, tried: Tensor, changed: Tensor, shape: Sequence[int]) -> _State:
    goal = margin(model, s.y, *s.targets)
    reached = evaluate(goal, tried.reshape(-1, *shape), gradient=False).value.to(s.margin.dtype)
    better = reached.nan_to_num(-torch.inf) > s.margin
    return s._replace(
        best=torch.where(better[:, None, None], tried, s.best),
        changed=torch.where(better[:, None], changed, s.changed),
        margin=torch.where(better, reached, s.margin),
    )
