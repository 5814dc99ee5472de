"""ZOO: Carlini and Wagner's penalty, minimised by finite differences along a few entries."""

from collections.abc import Sequence
from itertools import count
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from advkit.attacks.minimum import Nearest, enough, within
from advkit.attacks.search_over_c import search_over_c
from advkit.engine import NORMS, Objective, evaluate, rows, take
from advkit.engine.objectives import Model, margin
from advkit.engine.rules import DECAY
from advkit.engine.seeding import keys, uniform


def zoo(
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
    coordinates: int = 32,
    searches: int = 3,
    step: float = 0.1,
    h: float = 0.01,
    c: float = 1.0,
) -> Tensor:
    """Return the adversarial example of least L2 size of ``searches`` runs (ZOO, Chen et al. 2017).

    A run minimises the squared L2 distance plus ``c`` times what the margin lacks. Each move
    queries ``coordinates`` random entries, ``h`` up and ``h`` down, and moves these by Adam with
    moments of their own, in the box. ``step`` falls to a tenth. ``c`` is searched per sample, by
    factors of ten, then by bisection of its logarithm. Neither the paper's tanh nor its smaller
    images are used: clipping keeps entries in the box as well, and entries are chosen at random.

    Knows: scores
    Cost: 1 + searches * steps * (2 * coordinates + 1) forward, 0 backward
    Use: comparison with older work; `square`, `nes` and `simba` need a fraction of the queries.
    Fails: with few queries on large images.
    Paper: Chen et al. 2017, arXiv:1708.03999
    """
    if not len(x):
        return x
    stop, stream = enough(eps, x), keys(seed, ids, x, "zoo")
    objective = margin(model, y, targets)
    clean = _margins(objective, x)
    found, distance = x.clone(), torch.where(clean > 0, 0.0, torch.inf).to(x.dtype)
    left = (~(clean > 0)).nonzero().squeeze(1)
    own, number = take((objective, x, stop, stream), left), count()

    def walk(index: Tensor, weight: Tensor) -> Nearest:
        s = _begin(*take(own, index), weight)
        return _walk(s, next(number), steps, coordinates, step, h)

    if len(left):
        first = torch.full_like(stop[left], c)
        run = search_over_c(walk, x[left], stop[left], first=first, rounds=searches)
        found[left], distance[left] = run
    return within(Nearest(found, distance), x, eps)


class _State(NamedTuple):
    which: Tensor
    objective: Objective
    start: Tensor
    x: Tensor
    stop: Tensor
    stream: Tensor
    weight: Tensor
    mean: Tensor  # of the slopes of each entry, and of their squares, as in Adam
    square: Tensor
    moves: Tensor  # of each entry
    best: Nearest


def _begin(objective: Objective, x: Tensor, stop: Tensor, stream: Tensor, weight: Tensor) -> _State:
    flat, which = torch.zeros_like(x).flatten(1), torch.arange(len(x), device=x.device)
    best = Nearest(x, torch.full_like(stop, torch.inf))
    return _State(which, objective, x, x, stop, stream, weight, flat, flat, flat, best)


def _walk(s: _State, number: int, steps: int, entries: int, step: float, h: float) -> Nearest:
    found = Nearest(s.start.clone(), torch.full_like(s.stop, torch.inf))
    for move in range(steps):
        luck = uniform(s.stream, s.mean.shape[1:], number * steps + move)
        places = luck.argsort(dim=1, stable=True)[:, :entries]
        s, slope = _slopes(s, places, h)
        s = _look(_moved(s, places, slope, step * 0.1 ** (move / steps)))
        over = (s.best.distance <= s.stop).nonzero().squeeze(1)
        if len(over):
            found.x[s.which[over]], found.distance[s.which[over]] = take(s.best, over)
            s = take(s, (~(s.best.distance <= s.stop)).nonzero().squeeze(1))
        if not len(s.which):
            return found
    found.x[s.which], found.distance[s.which] = s.best
    return found


def _slopes(s: _State, places: Tensor, h: float) -> tuple[_State, Tensor]:
    """Return the slope of the penalty along each of ``places`` (n, k), by central differences."""
    n, k = places.shape
    here = s.x.flatten(1).gather(1, places)
    ends = torch.stack([(here + h).clamp_max(1), (here - h).clamp_min(0)], 1)
    tried = s.x.flatten(1)[:, None, None].repeat(1, 2, k, 1)
    tried.scatter_(3, places[:, None, :, None].expand(n, 2, k, 1), ends[..., None])
    flat = tried.view(n * 2 * k, *s.x.shape[1:])
    rows_of = torch.arange(n, device=places.device).repeat_interleave(2 * k)
    reached = _margins(take(s.objective, rows_of), flat)
    sizes = NORMS["L2"].size(flat - s.start[rows_of]).where(reached > 0, torch.inf).view(n, -1)
    distance, at = sizes.min(1)
    s = _nearer(s, flat.view(n, 2 * k, *s.x.shape[1:])[torch.arange(n), at], distance)
    loss = _penalty(s, reached.view(n, 2, k), (ends - here[:, None]), here, places)
    return s, (loss[:, 0] - loss[:, 1]) / (ends[:, 0] - ends[:, 1]).clamp_min(1e-12)


def _penalty(s: _State, reached: Tensor, moved: Tensor, here: Tensor, places: Tensor) -> Tensor:
    """Return the terms of the penalty that differ between the ends, (n, 2, k)."""
    away = (here - s.start.flatten(1).gather(1, places))[:, None]
    lacking = (-reached).clamp_min(0).nan_to_num(0.0, 0.0, 0.0)
    return s.weight[:, None, None] * lacking + (away + moved).square() - away.square()


def _moved(s: _State, places: Tensor, slope: Tensor, step: float) -> _State:
    a, b = DECAY
    moves = s.moves.gather(1, places) + 1
    mean = a * s.mean.gather(1, places) + (1 - a) * slope
    square = b * s.square.gather(1, places) + (1 - b) * slope.square()
    spread = (square / (1 - b**moves)).sqrt() + 1e-8
    flat = s.x.flatten(1)
    new = flat.gather(1, places) - step * mean / (1 - a**moves) / spread
    return s._replace(
        x=flat.scatter(1, places, new.clamp(0, 1)).view_as(s.x),
        mean=s.mean.scatter(1, places, mean),
        square=s.square.scatter(1, places, square),
        moves=s.moves.scatter(1, places, moves),
    )


def _look(s: _State) -> _State:
    reached = _margins(s.objective, s.x)
    size = NORMS["L2"].size(s.x - s.start).where(reached > 0, torch.inf)
    return _nearer(s, s.x, size)


def _nearer(s: _State, x: Tensor, distance: Tensor) -> _State:
    nearer = distance < s.best.distance
    place = torch.where(rows(nearer, x), x, s.best.x)
    return s._replace(best=Nearest(place, torch.where(nearer, distance, s.best.distance)))


def _margins(objective: Objective, x: Tensor) -> Tensor:
    value = evaluate(objective, x, gradient=False).value
    return value.nan_to_num(-torch.inf, torch.inf, -torch.inf)
