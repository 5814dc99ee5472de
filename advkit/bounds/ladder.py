"""Certification by increasingly expensive methods, each for the samples left open before."""

from typing import NamedTuple

import torch
from torch import Tensor

from advkit.bounds.intervals import bounds_of
from advkit.bounds.linear_relaxation import Look
from advkit.bounds.margins import Rivals, margins_of, rivals, tightened
from advkit.bounds.proof_methods import RUNGS
from advkit.bounds.regions import Region, rows_of
from advkit.bounds.slopes import Proof
from advkit.bounds.splitting import split
from advkit.bounds.tracing import Graph
from advkit.errors import UnknownNameError, did_you_mean

STEPS = 20


class Certificate(NamedTuple):
    """Per sample: a lower bound of the least margin (n,), and the method (n,) that gave it.

    Above 0 it is proved that no point of the set is classified as another class.
    """

    lower: Tensor
    rung: Tensor


def certify(
    graph: Graph,
    region: Region,
    y: Tensor,
    *,
    method: str = "alpha",
    seconds: float = 10.0,
    targets: Tensor | None = None,
    look: Look = lambda _place, _a: None,
) -> Certificate:
    """Return the certificates of the samples of ``region`` with labels ``y`` (n,).

    Tries `RUNGS` up to ``method``; `split` has a time limit of ``seconds`` per sample. With
    ``targets`` (n,) only these classes are rivals. ``look`` is called with the coefficients of
    CROWN's backward passes, to measure the cost. Raises UsageError for an unknown method.
    """
    if method not in RUNGS:
        raise UnknownNameError(f"there is no method {method!r}", did_you_mean(method, RUNGS))
    n = len(y)
    against = rivals(y, graph[-1].shape[0], targets)
    bound = region.low.new_full((len(against.who),), -torch.inf)
    rung = torch.zeros_like(y)
    for level, name in enumerate(RUNGS[: RUNGS.index(method) + 1]):
        left = (least_of(bound, against, n) <= 0).nonzero().squeeze(1)
        if not len(left):
            break
        rung[left] = level
        if name in ("intervals", "crown"):
            among, proof = left, _proof(graph, rows_of(region, left), name == "crown", look)
        here = torch.isin(against.who, left) & (bound <= 0)
        mine = Rivals(torch.searchsorted(among, against.who[here]), against.other[here])
        found = _proved(name, proof, y[among], mine, seconds, look)
        bound[here] = torch.maximum(bound[here], found)
    return Certificate(least_of(bound, against, n), rung)


def least_of(bound: Tensor, against: Rivals, n: int) -> Tensor:
    """Return the minimum over the bounds (m,) of every sample, (n,)."""
    every = bound.new_full((n,), torch.inf)
    return every.scatter_reduce(0, against.who, bound, "amin")


def _proof(graph: Graph, region: Region, tight: bool, look: Look) -> Proof:
    with torch.no_grad():
        return Proof(graph, bounds_of(graph, region, tight=tight, look=look), region)


def _proved(name: str, proof: Proof, y: Tensor, mine: Rivals, seconds: float, look: Look) -> Tensor:
    if name == "alpha":
        return tightened(proof, y, mine, STEPS)
    if name == "split":
        return split(proof, y, mine, seconds)
    with torch.no_grad():
        return margins_of(proof, y, mine, look)
