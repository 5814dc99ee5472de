"""Certification of the samples of a run, in batches, stored in its ledger.

A sample is certified at eps if it is proved that no image within eps is misclassified, whatever the
attack. The ledger holds for every sample and eps the lower bound of the least margin.
"""

import math
import time
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch

from advkit.bounds.curves import Curve
from advkit.bounds.ladder import certify
from advkit.bounds.proof_methods import RUNGS
from advkit.bounds.regions import ball_and_box
from advkit.bounds.tracing import Graph, plain, trace, weights_of
from advkit.data.samples import Samples, take
from advkit.evaluate.stage_context import Work, right_when_clean
from advkit.evaluate.workers import each
from advkit.models.classifier import Classifier

TOGETHER, HALVINGS = 16, 5
"""Samples bounded in one batch; and how often the gap between a proof and a failed one is halved
for the curve."""
FAR = 1e30  # lower bounds are clamped here


class Prover(NamedTuple):
    """How to prove: the traced steps, the last of `RUNGS` to try, and the time limit per sample.

    A proof that has cost more than ``dearest`` passes is stopped and counts as failed. Bounds are
    computed in ``dtype``.
    """

    graph: Graph
    method: str
    seconds: float
    dearest: float = math.inf
    dtype: torch.dtype = torch.float32


def prover_of(model: Classifier, samples: Samples, method: str, seconds: float) -> Prover:
    """Return the prover for ``model``; raises InputError as `tracing.trace` does."""
    graph = trace(model, tuple(samples.x.shape[1:]), samples.x.dtype)
    return Prover(graph, method, seconds, dtype=weights_of(plain(model)).dtype)


class _TooDearError(Exception):
    """A proof has exceeded its budget of passes."""


def prove(work: Work, prover: Prover, eps: np.ndarray, who: np.ndarray) -> None:
    """Seek a proof for the samples at positions ``who``, each at its ``eps`` (both (m,)).

    Samples that have a row for this eps are skipped.
    """
    known = {(row.id, row.eps) for row in work.store.frame("proofs").itertuples()}
    names = work.samples.ids
    left = [k for k in range(len(who)) if (names[who[k]], float(eps[k])) not in known]
    shards = [left[i : i + TOGETHER] for i in range(0, len(left), TOGETHER)]

    def shard(_model: Classifier, at: list[int]) -> pd.DataFrame:
        return _rows(work, prover, eps[at], who[at])

    done, stage = 0, f"{prover.method} bounds"
    for rows in each(shard, work.model, shards, work.jobs):
        work.store.add_proofs(rows)
        done += len(rows)
        work.progress(stage, done, len(left))


def _rows(work: Work, prover: Prover, eps: np.ndarray, who: np.ndarray) -> pd.DataFrame:
    began = time.perf_counter()
    part = take(work.samples, who.tolist())
    x = part.x.to(prover.dtype)
    region = ball_and_box(x, torch.as_tensor(eps).to(x), work.norm)
    each_pass = len(who) * _entries(prover.graph)
    entries = [0]

    def look(_place: int, a: torch.Tensor) -> None:
        entries[0] += a.numel()
        if entries[0] > prover.dearest * each_pass:
            raise _TooDearError

    try:
        found = certify(
            prover.graph, region, part.y, method=prover.method, seconds=prover.seconds, look=look
        )
        lower = found.lower.double().clamp(-FAR, FAR).tolist()
        rungs = [RUNGS[level] for level in found.rung.tolist()]
    except _TooDearError:
        lower, rungs = [-FAR] * len(who), [prover.method] * len(who)
    return pd.DataFrame(
        {
            "id": part.ids,
            "eps": eps,
            "lower": lower,
            "rung": rungs,
            "passes": entries[0] / each_pass,
            "seconds": (time.perf_counter() - began) / len(who),
        }
    )


def _entries(graph: Graph) -> int:
    """Return the number of activation entries in one pass of one image.

    A row of coefficients visits fewer, limited by the receptive field; per entry it costs about as
    much as a pass (measured on the bundled nets: one to two times).
    """
    return (
        sum(torch.Size(step.shape).numel() for step in graph if isinstance(step.rule, Curve)) or 1
    )


def spaced(who: np.ndarray, most: int) -> np.ndarray:
    """Return up to ``most`` of ``who``, evenly spaced from the first."""
    return who[:: -(-len(who) // most) or 1]


def own(work: Work) -> np.ndarray:
    """Return the positions of the correctly classified samples; of a shard, its own."""
    everybody = right_when_clean(work)["position"].to_numpy(dtype=int)
    return everybody if work.only is None else everybody[np.isin(everybody, work.only)]


def prove_all(work: Work, prover: Prover, eps: list[float]) -> None:
    """Seek a proof for every correctly classified sample, from the largest eps down.

    A sample certified at one eps is certified at every smaller one and skipped there.
    """
    everybody = right_when_clean(work)["position"].to_numpy(dtype=int)
    for value in sorted(eps, reverse=True):
        who = everybody[certified_radius(work, everybody, eps) < value]
        prove(work, prover, np.full(len(who), value), who)


def refine(work: Work, prover: Prover, eps: Sequence[float], steps: int) -> None:
    """Halve the gap between certified and not certified ``steps`` times per sample.

    Between 0 and the largest of ``eps``, by CROWN, for the lower curve; a shard does its own
    samples. It starts from the results at ``eps`` only, so that a repetition gives the same.
    """
    prover = prover._replace(method="crown")
    everybody = own(work)
    low = certified_radius(work, everybody, eps)
    high = np.maximum(_failed_radius(work, everybody, eps), low)
    for _ in range(steps):
        middle, wide = (low + high) / 2, high - low > 1e-3 * max(eps)
        prove(work, prover, middle[wide], everybody[wide])
        held = certified_radius(work, everybody) >= middle
        low, high = np.where(held & wide, middle, low), np.where(held | ~wide, high, middle)


def certified_radius(
    work: Work, who: np.ndarray, among: Sequence[float] | None = None
) -> np.ndarray:
    """Return the largest eps (``among`` these) at which each sample is certified, 0 if none."""
    proofs = work.store.frame("proofs")
    proofs = proofs if among is None else proofs[proofs["eps"].isin(list(among))]
    best = proofs[proofs["lower"] > 0].groupby("id")["eps"].max()
    return _by_position(work, best, who, 0.0)


def certified(work: Work, eps: float) -> np.ndarray:
    """Return the positions of the samples certified at ``eps``."""
    everybody = right_when_clean(work)["position"].to_numpy(dtype=int)
    return everybody[certified_radius(work, everybody) >= eps]


def _failed_radius(work: Work, who: np.ndarray, among: Sequence[float]) -> np.ndarray:
    """Return the smallest eps at which a proof failed per sample; the largest eps if none did."""
    proofs = work.store.frame("proofs")
    failed = proofs[(proofs["lower"] <= 0) & proofs["eps"].isin(list(among))]
    return _by_position(work, failed.groupby("id")["eps"].min(), who, max(among))


def _by_position(work: Work, values: pd.Series, who: np.ndarray, otherwise: float) -> np.ndarray:
    names = [work.samples.ids[i] for i in who]
    return np.asarray(values.reindex(names).fillna(otherwise), dtype=float)
