"""Swaps of places of a sparse point, in the order of a linear function of the gradients near it."""

import torch
from torch import Tensor

from advkit.attacks.sparse_search import Move, Search, probe, worth
from advkit.attacks.sparse_units import gains, places_moved
from advkit.engine import Point

TESTS = 3  # swaps tried for each gradient
RIVALS = 8  # places considered for entering in a swap, and as many for leaving


def swaps(rounds: int, push: float, draw: int) -> list[Move]:
    """Return moves that shrink the fooling point found, place by place.

    Each round computes one gradient and then tries three points. If the base fools, the places that
    cost least are reset. If not, one is reset and another changed, by the gain of a linear function
    of the slope, but no swap that failed there; it is kept if the margin rises, or if the last
    ``MEMORY`` all failed. If nothing has fooled yet, places are only added.
    """
    return [
        move
        for number in range(rounds)
        for move in (
            probe(push, draw + number, 0.3, anew=number == 0),
            *[Move(False, _swapped, _judged)] * TESTS,
        )
    ]


def _swapped(s: Search) -> Tensor:
    moved, gain = (s.base != s.x).any(1), gains(s.slope, s.x)
    cost = (s.slope * (s.base - s.x)).sum(1).masked_fill(~moved, torch.inf)
    won = gain.sum(1).masked_fill(moved, -torch.inf)
    goes, comes = _pair(cost, won, s)
    goes = torch.where(s.fooled[:, None], _cheapest(cost, _at_once(s)), goes)
    comes = comes & ~s.fooled[:, None]
    tried = torch.where(goes[:, None], s.x, s.base)
    return torch.where(comes[:, None] & (gain > 0), (s.slope > 0).to(s.x.dtype), tried)


def _pair(cost: Tensor, won: Tensor, s: Search) -> tuple[Tensor, Tensor]:
    """Return the places to reset and to change, (n, places), in the best swap not in ``failed``.

    If nothing has fooled yet, none is reset, and the best is changed, after ``tries`` failures the
    one after so many.
    """
    few, nowhere = min(RIVALS, cost.shape[1]), torch.zeros_like(cost, dtype=torch.bool)
    cost, goes = cost.topk(few, dim=1, largest=False)
    won, comes = won.topk(few, dim=1)
    total = (won[:, :, None] - cost[:, None]).flatten(1)
    swap = (comes[:, :, None] * s.x.shape[2] + goes[:, None]).flatten(1)
    again = (swap[:, :, None] == s.failed[:, None]).any(2)
    pair = total.masked_fill(again, -torch.inf).argmax(1, keepdim=True)
    alone, nth = s.fewest.isinf()[:, None], s.tries[:, None].clamp_max(few - 1)
    coming = comes.gather(1, torch.where(alone, nth, pair // few))
    going = nowhere.scatter(1, goes.gather(1, pair % few), ~alone)
    return going, nowhere.scatter(1, coming, True)


def _cheapest(cost: Tensor, number: Tensor) -> Tensor:
    order = cost.argsort(dim=1, stable=True)
    first = torch.arange(cost.shape[1], device=cost.device) < number[:, None]
    return torch.zeros_like(first).scatter(1, order, first)


def _at_once(s: Search) -> Tensor:
    """Return how many places of a fooling base to reset: an eighth, half after each failure."""
    return (places_moved(s.base, s.x).long() >> (3 + s.tries)).clamp_min(1)


def _judged(s: Search, tried: Tensor, point: Point, fooled: Tensor) -> Search:
    value = worth(point)
    stuck = s.failed[:, -1] >= 0
    better = torch.where(s.fooled, fooled | (_at_once(s) == 1), stuck | (value > s.margin))
    return s._replace(
        base=torch.where(better[:, None, None], tried, s.base),
        margin=torch.where(better, value, s.margin),
        fooled=torch.where(better, fooled, s.fooled),
        tries=torch.where(better, 0, s.tries + 1),
        failed=torch.where(better[:, None], -1, _and_this(s, tried)),
    )


def _and_this(s: Search, tried: Tensor) -> Tensor:
    """Return the last swaps at the base, each as place changed * places + place reset."""
    new, moved = (tried != s.base).any(1), (tried != s.x).any(1)
    changed, reset = (new & moved).int().argmax(1), (new & ~moved).int().argmax(1)
    return torch.cat([(changed * s.x.shape[2] + reset)[:, None], s.failed[:, :-1]], 1)
