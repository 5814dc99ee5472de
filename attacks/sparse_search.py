"""Search among points with few entries at the bounds, guided by gradients near them."""

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from advkit.attacks.minimum import Nearest
from advkit.attacks.sparse_units import places_moved
from advkit.engine import Point, evaluate, take
from advkit.engine.objectives import Model, margin, margins
from advkit.engine.seeding import uniform

PUSH = 0.1  # mean shift of entries where a gradient is taken
MEMORY = 12  # swaps that failed at a base; after so many, the next is kept
BACK = 0.3  # share of its change by which a changed entry is pulled back there


class Search(NamedTuple):
    """The state of every sample; images are (n, channels, places), see `by_place`.

    ``aim`` holds the targets if there are any, ``climb`` the classes to ascend to if not just any
    other. ``found`` is the nearest fooling point, of ``size`` entries; ``fewest`` is the least
    number of changed places. ``slope`` is a running mean of gradients. ``base`` is the sparse point
    to continue from, whether it ``fooled``, its ``margin``, the number of failures there since the
    last gradient, ``tries``, and the last swaps that ``failed`` there. The margin at the image is
    ``level``; ``near`` tells whether a push of all entries fools: the boundary is nearer than that.
    """

    which: Tensor
    x: Tensor
    y: Tensor
    aim: tuple[Tensor, ...]
    climb: tuple[Tensor, ...]
    stop: Tensor
    stream: Tensor
    found: Tensor
    size: Tensor
    fewest: Tensor
    slope: Tensor
    base: Tensor
    fooled: Tensor
    margin: Tensor
    tries: Tensor
    failed: Tensor
    level: Tensor
    near: Tensor


class Move(NamedTuple):
    """One pass, and its effect on the state; ``gradient`` tells whether it needs one."""

    gradient: bool
    propose: Callable[[Search], Tensor]
    learn: Callable[[Search, Tensor, Point, Tensor], Search]


def begin(
    x: Tensor,
    y: Tensor,
    aim: tuple[Tensor, ...],
    climb: tuple[Tensor, ...],
    stop: Tensor,
    stream: Tensor,
) -> Search:
    """Return the state before the first pass."""
    zero, none = torch.zeros_like(stop), torch.full_like(stop, torch.inf)
    which = torch.arange(len(x), device=x.device)
    return Search(
        which, x, y, aim, climb, stop, stream,
        found=x, size=none, fewest=none, slope=torch.zeros_like(x),
        base=x, fooled=zero > 0, margin=-none, tries=torch.zeros_like(which),
        failed=torch.full((len(x), MEMORY), -1, device=x.device),
        level=-none, near=zero > 0,
    )  # fmt: skip


def search(model: Model, s: Search, shape: Sequence[int], moves: Iterable[Move]) -> Nearest:
    """Apply ``moves`` in order to images of ``shape``; return the nearest points found.

    A sample leaves when it is within ``stop``, or when a single place is changed.
    """
    found, size = s.found.clone(), s.size.clone()
    for move in moves:
        keep = ((s.size > s.stop) & (s.fewest > 1)).nonzero().squeeze(1)
        if len(keep) < len(s.which):
            found[s.which], size[s.which] = s.found, s.size
            s = take(s, keep)
        if not len(keep):
            break
        tried = move.propose(s)
        point = evaluate(margin(model, s.y, *s.climb), tried.reshape(-1, *shape), move.gradient)
        fooled = margins(point.output, s.y, *s.aim) > 0
        s = move.learn(_heard(s, tried, fooled), tried, point, fooled)
    found[s.which], size[s.which] = s.found, s.size
    return Nearest(found.reshape(-1, *shape), size)


def _heard(s: Search, tried: Tensor, fooled: Tensor) -> Search:
    size = (tried != s.x).flatten(1).sum(1).to(s.x.dtype)
    nearer = fooled & (size < s.size)
    places = torch.where(fooled, places_moved(tried, s.x), torch.inf)
    return s._replace(
        found=torch.where(nearer[:, None, None], tried, s.found),
        size=torch.where(nearer, size, s.size),
        fewest=torch.minimum(s.fewest, places),
    )


def steepness(point: Point, like: Tensor) -> Tensor:
    """Return the gradient of ``point`` in the shape of ``like``, scaled to a maximum of one."""
    slope = point.gradient.reshape(like.shape)
    peak = slope.abs().amax((1, 2), keepdim=True)
    return slope / peak.clamp_min(torch.finfo(slope.dtype).tiny)


def worth(point: Point) -> Tensor:
    """Return the value of ``point``, (n,), lowest where it is NaN."""
    return point.value.nan_to_num(-torch.inf, torch.inf, -torch.inf)


def pushed(x: Tensor, shift: Tensor, slope: Tensor) -> Tensor:
    """Return ``x`` shifted by |``shift``| along the signs of ``slope``, by ``shift`` where zero.

    Gradients that vanish at ``x`` may be non-zero elsewhere.
    """
    return (x + torch.where(slope == 0, shift, shift.abs() * slope.sign())).clamp(0, 1)


def probe(push: float, draw: int, keep: float, *, anew: bool = False) -> Move:
    """Compute the gradient near the base and add it to the slope, of which ``keep`` is kept.

    The gradient at the base describes only infinitesimal changes of an entry. So every entry is
    shifted at random, by ``push`` on average, in the direction of the slope; changed entries are
    pulled back a little. With ``anew`` the base is first set to the best point.
    """

    def propose(s: Search) -> Tensor:
        s = _home(s) if anew else s
        shift = push * (4 * uniform(s.stream, s.x.shape[1:], draw).to(s.x.dtype) - 2)
        moved = (s.base != s.x).any(1, keepdim=True)
        return torch.where(moved, s.base + BACK * (s.x - s.base), pushed(s.base, shift, s.slope))

    def learn(s: Search, _tried: Tensor, point: Point, _fooled: Tensor) -> Search:
        s = _home(s) if anew else s
        slope = keep * s.slope + (1 - keep) * steepness(point, s.x)
        return s._replace(slope=slope, tries=torch.zeros_like(s.tries))

    return Move(True, propose, learn)


def _home(s: Search) -> Search:
    lucky = s.fewest.isfinite()
    base = torch.where(lucky[:, None, None], s.found, s.base)
    return s._replace(base=base, fooled=lucky)
