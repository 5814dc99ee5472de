"""Branch and bound: if a bound is not tight enough, split a neuron's range at 0, prove both.

Each part has one activation less to relax; the sign constraint of its neuron enters the bound with
a multiplier (beta-CROWN, Wang et al. 2021). The neuron to split: of those with the largest loss by
relaxation, the one whose worse half gains most (filtered smart branching, De Palma et al. 2021).
"""

import time
from typing import NamedTuple

import torch
from torch import Tensor

from advkit.bounds.curves import Lines
from advkit.bounds.margins import Rivals, differences
from advkit.bounds.patches import Rows
from advkit.bounds.slopes import Freedom, Proof, bound_with, optimised, rectifiers, sizes
from advkit.bounds.tracing import Graph

ROOT, STEPS = 50, 8
BATCH, TRIED = 32, 3
MEMORY = 1 << 29
"""Maximum bytes for the parts of one sample; beyond it the sample stays open."""


class Parts(NamedTuple):
    """Open parts of the proof: their rivals, splits, slopes and bounds.

    rival (d,); signs (d, t) and chosen (d, 2t) as in `slopes`; bound (d,).
    """

    rival: Tensor
    signs: Tensor
    chosen: Tensor
    bound: Tensor


def split(proof: Proof, y: Tensor, against: Rivals, seconds: float) -> Tensor:
    """Return lower bounds (m,) of the label's logit minus each rival's, until above 0 or timeout.

    The time limit is ``seconds`` per sample: which samples stay open depends on the machine.
    """
    found = torch.full((len(against.who),), -torch.inf, dtype=proof.region.low.dtype)
    for sample in sorted(set(against.who.tolist())):
        mine = (against.who == sample).nonzero().squeeze(1)
        some = Rivals(against.who[mine], against.other[mine])
        found[mine] = _closed(proof, y, some, time.perf_counter() + seconds)
    return found


def _closed(proof: Proof, y: Tensor, against: Rivals, until: float) -> Tensor:
    """Return the bounds of one sample's rivals."""
    last = len(proof.graph) - 1
    rows = differences(y, against, proof.graph[last].shape[0], proof.region.low)
    total = sum(sizes(proof.graph, last))
    signs = proof.region.low.new_zeros(len(rows.a), total)
    first = Freedom(last, rows, against.who, signs)
    root = optimised(proof, first, ROOT, until=0.0)
    low = root.bound.clone()
    parts = Parts(torch.arange(len(low)), signs, root.chosen, root.bound)
    parts = _take(parts, parts.bound <= 0)
    stuck = torch.full_like(low, torch.inf)
    while total and len(parts.rival) and time.perf_counter() < until and _small(parts):
        order = parts.bound.argsort(stable=True)
        here, rest = _take(parts, order[:BATCH]), _take(parts, order[BATCH:])
        spot = _where(proof, first, here)
        bare = spot < 0
        stuck = stuck.scatter_reduce(0, here.rival[bare], here.bound[bare], "amin")
        halves = _halves(proof, first, _take(here, ~bare), spot[~bare])
        parts = Parts(*(torch.cat(two) for two in zip(rest, halves, strict=True)))
        low = torch.minimum(stuck, _lowest(parts, len(low)))
    done = torch.isinf(low) & (low > 0)
    return torch.where(done, torch.finfo(low.dtype).tiny, torch.maximum(low, root.bound))


def _take(parts: Parts, index: Tensor) -> Parts:
    return Parts(*(each[index] for each in parts))


def _small(parts: Parts) -> bool:
    return 4 * (parts.signs.numel() + parts.chosen.numel()) < MEMORY


def _lowest(parts: Parts, n: int) -> Tensor:
    every = parts.bound.new_full((n,), torch.inf)
    return every.scatter_reduce(0, parts.rival, parts.bound, "amin")


def _freedom(first: Freedom, rival: Tensor, signs: Tensor) -> Freedom:
    return Freedom(first.place, Rows(first.rows.a[rival]), first.who[rival], signs)


def _halves(proof: Proof, first: Freedom, parts: Parts, spot: Tensor) -> Parts:
    """Return both halves of every part at its neuron ``spot`` (d,), without those proved."""
    twice = Parts(*(torch.cat([each, each]) for each in parts))
    each, side = torch.arange(len(spot)), torch.ones(len(spot)).to(parts.signs)
    signs = twice.signs.clone()
    signs[torch.cat([each, each + len(spot)]), torch.cat([spot, spot])] = torch.cat([side, -side])
    if not len(spot):
        return twice
    free = _freedom(first, twice.rival, signs)
    found = optimised(proof, free, STEPS, twice.chosen, until=0.0)
    halves = Parts(twice.rival, signs, found.chosen, torch.maximum(found.bound, twice.bound))
    return _take(halves, halves.bound <= 0)


def _where(proof: Proof, first: Freedom, parts: Parts) -> Tensor:
    """Return the neuron at which to split every part (d,); -1 if none is left."""
    loss = _losses(proof, first, parts)
    top, spots = loss.topk(min(TRIED, loss.shape[1]), 1)
    worse = torch.stack([_worse_half(proof, first, parts, spot) for spot in spots.T], 1)
    worse = torch.where(top > 0, worse, -torch.inf)
    best = spots.gather(1, worse.argmax(1, keepdim=True)).squeeze(1)
    return torch.where(top[:, 0] > 0, best, -1)


def _worse_half(proof: Proof, first: Freedom, parts: Parts, spot: Tensor) -> Tensor:
    """Return the lower of the bounds of both halves, with the slopes of the whole."""
    each, both = torch.arange(len(spot)), []
    for side in (1.0, -1.0):
        signs = parts.signs.clone()
        signs[each, spot] = side
        with torch.no_grad():
            both.append(bound_with(proof, _freedom(first, parts.rival, signs), parts.chosen))
    return torch.minimum(*both)


def _losses(proof: Proof, first: Freedom, parts: Parts) -> Tensor:
    """Return an upper bound on the loss by relaxation of every neuron, (d, t); 0 if none."""
    seen: dict[int, Tensor] = {}
    free = _freedom(first, parts.rival, parts.signs)
    with torch.no_grad():
        bound_with(proof, free, parts.chosen, lambda place, a: seen.update({place: a.flatten(1)}))
    places = rectifiers(proof.graph, first.place)
    counts = sizes(proof.graph, first.place)
    slopes = torch.split(parts.chosen[:, : sum(counts)], counts, 1)
    lost = [
        _loss(proof, place, free.who, seen[place], slope)
        for place, slope in zip(places, slopes, strict=True)
    ]
    return torch.where(parts.signs == 0, torch.cat(lost, 1), 0)


def _loss(proof: Proof, place: int, who: Tensor, a: Tensor, slope: Tensor) -> Tensor:
    walls, lines = proof.known.walls[_input(proof.graph, place)], proof.known.lines[place]
    assert isinstance(lines, Lines)  # noqa: S101
    low, high = walls.low.flatten(1)[who], walls.high.flatten(1)[who]
    under = torch.minimum(slope * -low, (1 - slope) * high)
    over = lines.up_shift.flatten(1)[who]
    bent = (low < 0) & (high > 0)
    return torch.where(bent, a.clamp_min(0) * under - a.clamp_max(0) * over, 0)


def _input(graph: Graph, place: int) -> int:
    return graph[place].inputs[0]
