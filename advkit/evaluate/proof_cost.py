"""Estimate of the time that proofs take, given before they start."""

import time

import torch

from advkit.bounds.intervals import Bounds, before_curves, bounds_of
from advkit.bounds.ladder import STEPS
from advkit.bounds.linear_relaxation import lower
from advkit.bounds.memory import chunks, spans
from advkit.bounds.patches import neurons
from advkit.bounds.proof_methods import RUNGS
from advkit.bounds.regions import Region, ball_and_box
from advkit.data.samples import take
from advkit.evaluate.budget import spoken
from advkit.evaluate.proofs import HALVINGS, Prover
from advkit.evaluate.stage_context import Work, right_when_clean

LOOKED_AT = 4
"""Images whose unstable neurons are counted."""
GRADIENT = 3
"""Cost of a backward bound with its gradient, relative to one without."""


def proofs_foretold(work: Work, prover: Prover, eps: float, radii: int) -> str:
    """Return the maximum time for proofs at ``radii`` eps up to ``eps``, in one sentence."""
    who = right_when_clean(work)["position"].to_numpy(dtype=int)
    some = take(work.samples, who[:LOOKED_AT].tolist())
    if not len(some.ids):
        return f"{prover.method} bounds: nothing to prove, as no image is classified correctly"
    region = ball_and_box(some.x, torch.full((len(some.ids),), eps).to(some.x), work.norm)
    each = _seconds(prover, region) * (radii + HALVINGS)
    each += prover.seconds * radii if prover.method == "split" else 0
    return (
        f"{prover.method} bounds: for {len(who):,} images at {radii} eps at most about "
        f"{spoken(each * len(who) / work.jobs)}"
    )


def _seconds(prover: Prover, region: Region) -> float:
    """Return the maximum seconds of one image at one eps, without branch and bound."""
    with torch.no_grad():
        found = bounds_of(prover.graph, region, tight=False)
        return entries_at_most(prover, found) * _per_entry(prover, found, region)


def entries_at_most(prover: Prover, found: Bounds) -> float:
    """Return the maximum number of map entries that the backward bounds of one image visit."""
    graph, last = prover.graph, len(prover.graph) - 1
    ways = {last: float(graph[last].shape[0] - 1)}
    if RUNGS.index(prover.method) >= RUNGS.index("alpha"):
        ways[last] *= 1 + GRADIENT * STEPS
    if prover.method != "intervals":
        ways |= {place: _open(found, place) for place in before_curves(graph)}
    return float(sum(count * sum(spans(graph, place)) for place, count in ways.items()))


def _open(found: Bounds, place: int) -> float:
    """Return the number of unstable bounds from which a backward bound of one image may start."""
    low, high = found.walls[place]
    return 2 * float(((low < 0) & (high > 0)).sum()) / len(low)


def _per_entry(prover: Prover, found: Bounds, region: Region) -> float:
    """Return the seconds per entry and row, measured on a chunk of the deepest layer."""
    graph = prover.graph
    place = max(before_curves(graph) or {len(graph) - 1})
    across = spans(graph, place)
    many: int = next(chunks(1 << 30, max(across))).stop
    spots = torch.arange(many) % torch.Size(graph[place].shape).numel()
    rows = neurons(spots, torch.ones(many).to(region.low), graph[place].shape)
    who = torch.zeros_like(spots)
    lower(graph, place, rows, who, found.lines, region)
    began = time.perf_counter()
    lower(graph, place, rows, who, found.lines, region)
    return (time.perf_counter() - began) / (many * sum(across))
