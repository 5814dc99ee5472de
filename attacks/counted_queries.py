"""Shared code of decision-based attacks: counted queries, and the nearest result."""

from collections.abc import Callable
from typing import NamedTuple, TypeVar

import torch
from torch import Tensor

from advkit.attacks.bisection import bisect
from advkit.attacks.minimum import Nearest, enough
from advkit.attacks.walks import margins_of
from advkit.engine import NORMS, rows, take
from advkit.engine.objectives import Model

T = TypeVar("T")


class Hunt(NamedTuple):
    """Samples under attack with their remaining queries; one row each in all fields.

    ``left`` (n,) queries remain; it is 0 as soon as ``best``, the nearest fooling point queried, is
    within ``stop`` (n,) of ``x``. Before the first, ``best`` is ``x`` at ``distance`` infinity.
    ``targets`` holds one tensor or none.
    """

    which: Tensor
    x: Tensor
    y: Tensor
    targets: tuple[Tensor, ...]
    left: Tensor
    stop: Tensor
    best: Tensor
    distance: Tensor


def hunt_for(
    x: Tensor, y: Tensor, targets: Tensor | None, eps: float | Tensor | None, queries: int
) -> Hunt:
    """Return the hunt for ``x`` (n, ...) before its first query."""
    return Hunt(
        which=torch.arange(len(x), device=x.device),
        x=x,
        y=y,
        targets=() if targets is None else (targets,),
        left=torch.full((len(x),), queries, device=x.device),
        stop=enough(eps, x),
        best=x,
        distance=torch.full((len(x),), torch.inf, dtype=x.dtype, device=x.device),
    )


def ask(
    model: Model, norm: str, hunt: Hunt, tried: Tensor, wanted: Tensor | None = None
) -> tuple[Hunt, Tensor]:
    """Query the points ``tried`` (n, k, ...) that are ``wanted`` (n, k), within the budget.

    If the queries do not suffice for a row, its first points are queried. Returns the hunt after it
    and which points fooled, (n, k), False for points not queried.
    """
    if wanted is None:
        wanted = torch.ones(tried.shape[:2], dtype=torch.bool, device=tried.device)
    asked = wanted & (wanted.cumsum(1) <= hunt.left[:, None])
    fooled = torch.zeros_like(asked)
    sizes = torch.full(asked.shape, torch.inf, dtype=tried.dtype, device=tried.device)
    who = asked.nonzero()[:, 0]
    if len(who):
        places, x, y, targets = tried[asked], *take((hunt.x, hunt.y, hunt.targets), who)
        fooled[asked] = margins_of(model, places, y, *targets) > 0
        sizes[asked] = NORMS[norm].size(places - x)
    distance, at = sizes.where(fooled, torch.inf).min(1)
    nearer = distance < hunt.distance
    best = torch.where(rows(nearer, hunt.x), pick(tried, at), hunt.best)
    distance = torch.where(nearer, distance, hunt.distance)
    left = torch.where(distance <= hunt.stop, 0, hunt.left - asked.sum(1))
    return hunt._replace(left=left, best=best, distance=distance), fooled


def pick(places: Tensor, at: Tensor) -> Tensor:
    """Return the point at ``at`` (n,) of each row of ``places`` (n, k, ...)."""
    return places[torch.arange(len(at), device=at.device), at]


def shrink(
    model: Model,
    norm: str,
    hunt: Hunt,
    rivals: Tensor,
    running: Tensor,
    high: Tensor,
    steps: int,
    low: Tensor | None = None,
) -> tuple[Hunt, Tensor, Tensor]:
    """Project ``rivals`` (n, k, ...) into the smallest ball around ``x`` in which one still fools.

    Bisects the radius between ``low`` (n,), 0 if not given, and ``high`` for all that are
    ``running`` (n, k) together; if some of a row fool, the others are dropped, so that the best of
    k costs little more than one. Returns the hunt, the last point that fooled, (n, ...), and
    whether there was one, (n,).
    """
    k = running.shape[1]
    centre = hunt.x.repeat_interleave(k, 0)
    place, found = hunt.x, torch.zeros_like(hunt.left, dtype=torch.bool)

    def holds(radius: Tensor) -> Tensor:
        nonlocal hunt, place, found, running
        reach = radius.repeat_interleave(k)
        tried = NORMS[norm].confine(rivals.flatten(0, 1), centre, reach).view_as(rivals)
        hunt, fooled = ask(model, norm, hunt, tried, running)
        some = fooled.any(1)
        running = torch.where(some[:, None], fooled, running)
        place = torch.where(rows(some, place), pick(tried, fooled.int().argmax(1)), place)
        found = found | some
        return some

    bisect(holds, torch.zeros_like(high) if low is None else low, high, steps)
    return hunt, place, found


def pursue(hunt: Hunt, own: T, move: Callable[[Hunt, T], tuple[Hunt, T]]) -> Nearest:
    """Call ``move`` until no sample has queries left; return the nearest fooling points.

    ``own`` is the state of the attack, tensors with one row per sample in nested tuples. Samples
    without queries leave. Every move must use at least one query per sample.
    """
    found = Nearest(hunt.x.clone(), torch.full_like(hunt.distance, torch.inf))
    while True:
        over = (hunt.left <= 0).nonzero().squeeze(1)
        if len(over):
            gone = hunt.which[over]
            found.x[gone], found.distance[gone] = hunt.best[over], hunt.distance[over]
            hunt, own = take((hunt, own), (hunt.left > 0).nonzero().squeeze(1))
        if not len(hunt.which):
            return found
        hunt, own = move(hunt, own)


def scouted(hunt: Hunt, walk: Callable[[Hunt, int], Nearest], scouts: int, budget: int) -> Nearest:
    """Run ``scouts`` attacks of ``budget`` queries each and continue from the nearest result.

    ``walk(hunt, number)`` runs until no queries are left; it finds its own start if ``best`` does
    not fool, and else starts from ``best``.
    """
    for number in range(scouts if scouts > 1 else 0):
        unknown = torch.full_like(hunt.distance, torch.inf)
        part = hunt._replace(left=hunt.left.clamp_max(budget), best=hunt.x, distance=unknown)
        found = walk(part, number)
        nearer = found.distance < hunt.distance
        distance = torch.where(nearer, found.distance, hunt.distance)
        hunt = hunt._replace(
            left=torch.where(distance <= hunt.stop, 0, (hunt.left - budget).clamp_min(0)),
            best=torch.where(rows(nearer, hunt.x), found.x, hunt.best),
            distance=distance,
        )
    return walk(hunt, scouts)
