"""Certification without attacks: bounds for every sample at every eps; resumable."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from advkit.bounds.curves import ROUNDING
from advkit.bounds.proof_methods import RUNGS
from advkit.data.samples import Samples, units
from advkit.errors import EmptyError, InputError
from advkit.evaluate.class_names import class_notes
from advkit.evaluate.fingerprint import now
from advkit.evaluate.intervals import Share, certified_at, certified_curve, wilson
from advkit.evaluate.model_checks import check_alone
from advkit.evaluate.proof_cost import proofs_foretold
from advkit.evaluate.proofs import (
    HALVINGS,
    TOGETHER,
    certified_radius,
    prove_all,
    prover_of,
    refine,
)
from advkit.evaluate.run_folder import write_json, write_text
from advkit.evaluate.run_record import begin, describe, ingredients
from advkit.evaluate.stage_context import Progress, Work, judge_clean, right_when_clean
from advkit.evaluate.store import open_store
from advkit.evaluate.workers import default_jobs, one_thread_each
from advkit.models.classifier import Classifier
from advkit.models.probe import probe
from advkit.numbers import shown

SCHEMA = "advkit/certify/1"


def certify(
    model: Classifier,
    samples: Samples,
    *,
    norm: str = "Linf",
    eps: Sequence[float],
    method: str = "alpha",
    seconds: float = 10.0,
    jobs: int | None = None,
    out: Path,
    fresh: bool = False,
    asked: Mapping[str, str] | None = None,
    progress: Progress = lambda _what, _done, _total: None,
    announce: Callable[[str], None] | None = None,
) -> dict[str, Any]:
    """Certify ``samples`` at every eps as far as possible; return the summary of `run.json`.

    ``method`` is the last of `advkit.bounds.proof_methods.RUNGS` that is tried; ``seconds`` is the
    time limit of `split` per sample. ``announce`` is called with an estimate of the time. Runs on
    the CPU. The other parameters are those of `advkit.evaluate.audit.audit`. Raises AdvkitError;
    InputError for a model with an operator for which there is no bound.
    """
    if not len(samples.ids):
        raise EmptyError(f"{samples.name} has no samples", "nothing was evaluated")
    _check_scale(samples, norm)
    notes = [*samples.notes, *probe(model, samples.x, samples.y), *class_notes(model, samples)]
    check_alone(model, samples.x)
    prover = prover_of(model, samples, method, seconds)
    made_of = ingredients(model, samples, norm, eps, [], 0)
    made_of |= {"kind": "certify", "method": method, "seconds": seconds}
    record = {
        "made_of": made_of,
        **describe(model, samples, made_of, asked or {}),
        **{name: made_of[name] for name in ("norm", "eps", "method", "seconds")},
        "jobs": jobs or default_jobs(samples.x.device),
        "rounding": ROUNDING,
        "notes": notes,
    }
    with open_store(out, fresh=fresh, command="certify") as store, one_thread_each():
        begun = begin(store, record, out)
        work = Work(model, samples, norm, 0, TOGETHER, record["jobs"], store, progress)
        judge_clean(work)
        if announce and not begun["finished"]:
            announce(proofs_foretold(work, prover, max(eps), len(eps)))
        prove_all(work, prover, sorted(eps))
        refine(work, prover, eps, HALVINGS)
        table = per_sample(work)
        summary = {**begun, **summarised(work, eps, table, method)}
        summary["finished"] = begun["finished"] or now()
        write_text(out, "samples.csv", table.to_csv(index=False))
        write_json(out, "run.json", summary)
        return summary


def _check_scale(samples: Samples, norm: str) -> None:
    if units(samples, norm) is not None:
        raise InputError(
            f"{samples.name} has its own scale (sound, or sizes relative to each sample)",
            "bounds are proved for images: use audit",
            code="E316",
        )


def per_sample(work: Work) -> pd.DataFrame:
    """Return a row per sample: id, label, prediction, ``right`` (clean), and ``certified``.

    ``certified`` is the largest eps at which it is certified, 0 if none.
    """
    clean = work.store.frame("samples").set_index("position")
    everybody = clean.index.to_numpy(dtype=int)
    table = clean[["id", "label", "prediction"]].assign(right=clean["margin"] < 0)
    return table.assign(certified=certified_radius(work, everybody))


def summarised(
    work: Work, eps: Sequence[float], table: pd.DataFrame, method: str
) -> dict[str, Any]:
    """Return clean and certified accuracy with intervals, the curve, and a row per eps."""
    n, clean = len(table), wilson(len(right_when_clean(work)), len(table))
    radii = table.loc[table["right"], "certified"].tolist()
    proofs = work.store.frame("proofs")
    rows = [{"eps": e, **certified_at(radii, e, n), **effort(proofs, e)} for e in sorted(eps)]
    points = [{"eps": at, **share} for at, share in certified_curve(radii, eps, n)]
    return {
        "schema": SCHEMA,
        "verdict": verdict(clean, rows, work.norm, method),
        "clean": clean,
        "certified": rows,
        "curve": points,
        "open": still_open(table, proofs, max(eps)),
        "seconds": float(proofs["seconds"].sum()),
    }


def effort(proofs: pd.DataFrame, eps: float) -> dict[str, Any]:
    """Return per method how many samples ended there at ``eps`` and were certified; and seconds."""
    mine = proofs[proofs["eps"] == eps]
    rungs = {
        name: {
            "ended": int((mine["rung"] == name).sum()),
            "certified": int(((mine["rung"] == name) & (mine["lower"] > 0)).sum()),
        }
        for name in RUNGS
    }
    return {"tried": len(mine), "rungs": rungs, "seconds": float(mine["seconds"].sum())}


def still_open(table: pd.DataFrame, proofs: pd.DataFrame, eps: float) -> list[dict[str, Any]]:
    """Return the samples classified correctly but not certified at ``eps``, the closest first."""
    lower = proofs[proofs["eps"] == eps].set_index("id")["lower"]
    left = table[table["right"] & (table["certified"] < eps)]
    left = left.assign(lower=left["id"].map(lower)).sort_values("lower", ascending=False)
    columns = (left[name].tolist() for name in ("id", "label", "certified", "lower"))
    return [
        {"id": name, "label": label, "certified": radius, "lower": low}
        for name, label, radius, low in zip(*columns, strict=True)
    ]


def verdict(clean: Share, rows: Sequence[Mapping[str, Any]], norm: str, method: str) -> str:
    """Return the result in one sentence, at the largest eps."""
    if clean["count"] == 0:
        return f"None of {clean['n']:,} images is classified correctly: there is nothing to prove."
    at = rows[-1]
    return (
        f"Of {clean['n']:,} images the model classifies {clean['value']:.1%} correctly; "
        f"{at['value']:.1%} are certified ({method} bounds) to stay correct under every "
        f"perturbation within {norm} {shown(at['eps'])} (95% interval over all such images: "
        f"{at['low']:.1%} to {at['high']:.1%})."
    )
