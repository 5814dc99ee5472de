"""The lower end of an audit: samples certified before the attacks, where proofs cost less.

A certified sample is not attacked. Whether proofs cost less than attacks is tested on a few samples
at every eps and measured in passes, not in seconds, so that a run gives the same rows on every
machine.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from advkit.data.samples import units
from advkit.errors import InputError
from advkit.evaluate.intervals import certified_at, certified_curve
from advkit.evaluate.proofs import (
    HALVINGS,
    Prover,
    certified_radius,
    own,
    prove,
    prover_of,
    refine,
    spaced,
)
from advkit.evaluate.stage_context import Work, right_when_clean

PILOTS, PROBES, CHEAP = 3, 16, 0.02
"""Samples on which proofs are tried at the smallest eps, and then at every eps; and the share of
the attacks' cost up to which a proof is cheap: the lower curve is then refined between the eps."""
COMMON = 64
"""Samples on which these decisions are based: every shard proves them besides its own."""


class Bracket(NamedTuple):
    """Why proofs were sought or not: a sentence for the report, and one per eps."""

    why: str
    by_eps: dict[float, str]


def bracketed(work: Work, eps: Sequence[float], way: str, passes: int, seconds: float) -> Bracket:
    """Seek proofs at every eps in descending order, and record where and why.

    ``passes`` is the cost of the attacks on a surviving sample. With ``auto`` a net without known
    bounds is skipped; otherwise InputError names the operator.
    """
    if why := _why_not(work, way):
        return Bracket(why, {})
    try:
        prover = prover_of(work.model, work.samples, "crown" if way == "auto" else way, seconds)
    except InputError as error:
        if way != "auto":
            raise
        return Bracket(f"{str(error)[:1].upper()}{str(error)[1:]}.", {})
    everybody = right_when_clean(work)["position"].to_numpy(dtype=int)
    if not len(everybody):
        return Bracket("No image is classified correctly: there is nothing to prove.", {})
    common = spaced(everybody, COMMON)
    few = spaced(common, PILOTS)
    if way == "auto" and not _promising(work, prover, min(eps), few, passes):
        return Bracket(
            f"Proofs would not pay: of {len(few)} images tried at the smallest eps too few are "
            "certified for what a proof costs.", {})  # fmt: skip
    told = {value: _at(work, prover, value, eps, common, way, passes)
            for value in sorted(eps, reverse=True)}  # fmt: skip
    if float(_rows(work, eps, common)["passes"].mean()) <= CHEAP * passes:
        refine(work, prover, eps, HALVINGS)
    return Bracket("", told)


def _why_not(work: Work, way: str) -> str:
    """Return why no proofs are sought, whatever the net computes; '' if they are."""
    if way == "off":
        black = "The model is a black box: nothing can be proved without its weights."
        return black if work.model.black_box else "No proofs were asked for."
    if work.judge:
        return "The model's outputs are random: nothing can be proved about it."
    if units(work.samples, work.norm) is not None:
        return "Proofs are tried for images only, not for data with its own scale."
    return "" if work.samples.x.device.type == "cpu" else "Proofs are sought on the CPU only."


def _promising(work: Work, prover: Prover, eps: float, few: np.ndarray, passes: int) -> bool:
    """Return whether proofs pay on a few samples at the smallest eps, where most are certified.

    Saves the trial at every eps for nets of which nothing can be proved.
    """
    share, cost = _tried(work, prover, eps, few, passes)
    return cost < share * passes


def _at(
    work: Work,
    prover: Prover,
    eps: float,
    every: Sequence[float],
    common: np.ndarray,
    way: str,
    passes: int,
) -> str:
    larger = [value for value in every if value > eps]  # a resumed run must ask the same
    left, first = (
        who[certified_radius(work, who, larger) == 0]
        for who in (np.union1d(own(work), common), common)
    )
    if not len(left):
        return "all are certified at a larger eps"
    if way == "auto" and len(first):
        few = spaced(first, PROBES)
        share, cost = _tried(work, prover, eps, few, passes)
        if cost >= share * passes:
            return (
                f"not worth it: of {len(few)} images tried {share:.0%} are certified, and a proof"
                f" costs {cost:,.0f} passes where attacks cost {passes:,}"
            )
    for who in (first, left):  # the same batches in every shard for the samples that decide
        prove(work, prover, np.full(len(who), eps), who)
    return "tried on all"


def _tried(
    work: Work, prover: Prover, eps: float, who: np.ndarray, passes: int
) -> tuple[float, float]:
    """Try to certify ``who`` at ``eps``; return the share certified and the mean passes.

    A proof that has cost more than ``passes`` does not pay and is stopped.
    """
    prove(work, prover._replace(dearest=passes), np.full(len(who), eps), who)
    rows = _rows(work, [eps], who)
    return (
        (float((rows["lower"] > 0).mean()), float(rows["passes"].mean())) if len(rows) else (0, 0)
    )


def _rows(work: Work, eps: Sequence[float], who: np.ndarray) -> pd.DataFrame:
    """Return the rows of the proofs attempted for the samples ``who`` at ``eps``."""
    proofs, names = work.store.frame("proofs"), [work.samples.ids[i] for i in who]
    return proofs[proofs["eps"].isin(list(eps)) & proofs["id"].isin(names)]


def bracket_summary(
    work: Work, bracket: Bracket, eps: Sequence[float], table: pd.DataFrame
) -> dict[str, Any]:
    """Return for every eps how many samples are fooled, certified and open, and the lower curve.

    ``table`` is that of `summary.per_sample`, with its column ``certified``.
    """
    n, right = len(table), table[table["right"].astype(bool)]
    radii, sizes = right["certified"].tolist(), right["distance"]
    proofs = work.store.frame("proofs")
    rows = []
    for value in sorted(eps):
        share, stands = certified_at(radii, value, n), int((sizes > value).sum())
        mine = proofs[proofs["eps"] == value]
        rows.append(
            {
                "eps": value,
                **share,
                "fooled": len(right) - stands,
                "open": stands - share["count"],
                "tried": len(mine),
                "passes": float(mine["passes"].sum() / max(len(mine), 1)),
                "seconds": float(mine["seconds"].sum()),
                "why": bracket.by_eps.get(value, ""),
            }
        )
    points = [{"eps": at, **share} for at, share in certified_curve(radii, eps, n)]
    known = bool(bracket.by_eps) or any(radius > 0 for radius in radii)
    return {"why": bracket.why, "certified": rows, "curve": points if known else []}
