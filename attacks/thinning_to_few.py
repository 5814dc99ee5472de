"""Thinning: ever fewer entries at the bounds, chosen by gradients away from the image."""

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor

from advkit.attacks.minimum import Nearest, enough, nearest_of, within
from advkit.attacks.sparse_search import (
    PUSH,
    Move,
    Search,
    begin,
    probe,
    pushed,
    search,
    steepness,
    worth,
)
from advkit.attacks.sparse_swaps import swaps as swapping
from advkit.attacks.sparse_units import by_place, gains, places_moved, to_walls
from advkit.engine import Point, evaluate
from advkit.engine.objectives import Model, likeliest, margin
from advkit.engine.seeding import keys, signs

PATH = 4  # gradients along a path away from the image, the first at the image itself
LEAP = 4.0  # factor by which the number of changed places rises or falls at most
KEEP = 0.8  # share of the mean of gradients that is kept


def thinning(
    model: Model,
    x: Tensor,
    y: Tensor,
    *,
    eps: float | Tensor | None = None,
    norm: Literal["L0"] = "L0",
    targets: Tensor | None = None,
    seed: int = 0,
    ids: Sequence[str] | None = None,
    steps: int = 30,
    swaps: int = 26,
    walks: int = 3,
    push: float = PUSH,
    unit: Literal["features", "pixels"] = "features",
) -> Tensor:
    """Return the adversarial example with the fewest entries of ``walks`` runs (of this project).

    Only points whose changed entries are at the bounds 0 and 1 are tried: in L0 a large change
    costs no more than a small one. A running mean of gradients decides which entries, and which
    bound. At first it is the mean over points where all entries are pushed along the signs of the
    gradient, by ``push``, twice and three times it. The number of entries is where a secant, the
    margin as a linear function of the sum of gradient times change, is zero, and less than before
    if that fooled. ``steps`` times, a gradient is added to the mean and the number computed anew.
    If the first push fooled, the gradient is taken at the next point itself; if not, away from it,
    with all entries pushed at random by ``push`` on average, because there the slope of an entry
    that has yet to move says little of its way to the bound (on nets trained against small
    perturbations). Finally ``swaps`` rounds drop or exchange entries one by one. The first run
    leads away from the label, the others to the next classes in the order of logits (with
    ``targets``: all to the target), so that few ``walks`` with many ``steps`` and ``swaps`` are
    better the fewer basins there are. ``unit`` "pixels" moves all channels of a pixel together.

    Knows: gradients
    Cost: 1 + walks * (5 + 2 * steps + 4 * swaps) forward, walks * (4 + steps + swaps) backward
    Use: the strongest search in L0, at any budget; ``walks`` 1, ``steps`` 13, ``swaps`` 10 take 99
        passes.
    Fails: where grey values between the bounds are needed, and where gradients mislead.
    Paper: none, it is of this project; compare Croce and Hein 2019, arXiv:1909.05040
    """
    if not len(x):
        return x
    stop, stream = enough(eps, x), keys(seed, ids, x, "thinning")
    clean = evaluate(margin(model, y, targets), x, gradient=False)
    others = likeliest(clean.output, y)
    begun = Nearest(x, torch.where(clean.value > 0, 0.0, torch.inf).to(x.dtype))

    def walk(index: Tensor, number: int) -> Nearest:
        aim = () if targets is None else (targets[index],)
        rival = (others[index, (number - 1) % max(others.shape[1], 1)],)
        climb = rival if number and not aim else aim
        s = begin(by_place(x[index], unit), y[index], aim, climb, stop[index], stream[index])
        return search(model, s, x.shape[1:], thinning_moves(steps, swaps, push, number << 16))

    return within(nearest_of(walk, x, walks, stop, begun), x, eps)


def thinning_moves(steps: int, swaps: int, push: float, draw: int) -> list[Move]:
    """Return the moves of one run; random numbers are those from ``draw`` on."""
    away = [_along(push * number, number, draw + steps + swaps) for number in range(PATH)]
    few = Move(False, _few, _looked)
    thin = [move for number in range(steps) for move in (_probe(push, draw + number), few)]
    return [*away, few, *thin, *swapping(swaps, push, draw + steps)]


def _along(away: float, number: int, draw: int) -> Move:
    """Average the gradients on a path along their signs; the first only gives the direction."""

    def propose(s: Search) -> Tensor:
        return pushed(s.x, away * signs(s.stream, s.x.shape[1:], draw).to(s.x.dtype), s.slope)

    def learn(s: Search, _tried: Tensor, point: Point, _fooled: Tensor) -> Search:
        new, value = steepness(point, s.x), worth(point)
        s = s._replace(
            level=s.level if number else value, near=value > 0 if number == 1 else s.near
        )
        return s._replace(slope=new if number < 2 else s.slope + (new - s.slope) / number)

    return Move(True, propose, learn)


def _probe(push: float, draw: int) -> Move:
    """Compute a gradient: at the next sparse point if the boundary is near, else by `probe`."""
    aside = probe(push, draw, KEEP)

    def propose(s: Search) -> Tensor:
        return torch.where(s.near[:, None, None], _few(s), aside.propose(s))

    def learn(s: Search, tried: Tensor, point: Point, fooled: Tensor) -> Search:
        return aside.learn(s, tried, point, fooled)._replace(
            base=torch.where(s.near[:, None, None], tried, s.base),
            margin=torch.where(s.near, worth(point), s.margin),
            fooled=torch.where(s.near, fooled, s.fooled),
        )

    return Move(True, propose, learn)


def _few(s: Search) -> Tensor:
    return to_walls(s.slope, s.x, _amount(s))


def _looked(s: Search, tried: Tensor, point: Point, fooled: Tensor) -> Search:
    return s._replace(base=tried, margin=worth(point), fooled=fooled)


def _amount(s: Search) -> Tensor:
    """Return how many places to change next, by the secant through the image and the base.

    The margin is taken to rise from ``level`` in proportion to the sum of slope times change.
    """
    moved = places_moved(s.base, s.x)
    rise = (s.slope * (s.base - s.x)).sum((1, 2))
    share = torch.where(s.margin > s.level, -s.level / (s.margin - s.level), 2.0)
    need = rise * share.nan_to_num(2.0).clamp(1 / LEAP, LEAP)
    won = gains(s.slope, s.x).sum(1).sort(dim=1, descending=True).values.cumsum(1)
    count = (won < need[:, None]).sum(1) + 1.0
    less = torch.minimum(torch.maximum(count, (moved / LEAP).floor()), moved - 1)
    more = torch.minimum(torch.maximum(count, moved + 1), LEAP * moved)
    count = torch.where(s.fooled, less, more)
    count = torch.where(moved > 0, count, s.x.shape[2] ** 0.5 // 1)
    return torch.minimum(count, s.fewest - 1).clamp(1, s.x.shape[2]).to(s.x.dtype)
