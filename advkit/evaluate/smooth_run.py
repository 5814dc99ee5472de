"""The run of `advkit certify --smooth`: certificates of the smoothed classifier; resumable."""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from advkit.bounds.smoothing import reach, smoothed
from advkit.data.samples import Samples, take
from advkit.errors import EmptyError
from advkit.evaluate.certify_run import SCHEMA
from advkit.evaluate.class_names import class_notes
from advkit.evaluate.fingerprint import now
from advkit.evaluate.intervals import Share, certified_at, certified_curve, wilson
from advkit.evaluate.model_checks import check_alone
from advkit.evaluate.run_folder import write_json, write_text
from advkit.evaluate.run_record import begin, describe, ingredients
from advkit.evaluate.stage_context import Progress, Work, judge_clean
from advkit.evaluate.store import open_store
from advkit.evaluate.workers import default_jobs, each, one_thread_each
from advkit.models.classifier import Classifier
from advkit.models.probe import probe
from advkit.numbers import shown

SMOOTH = "smooth"


def certify_smoothed(
    model: Classifier,
    samples: Samples,
    *,
    sigma: float,
    eps: Sequence[float],
    draws: int = 1000,
    doubt: float = 0.001,
    seed: int = 0,
    jobs: int | None = None,
    out: Path,
    fresh: bool = False,
    asked: Mapping[str, str] | None = None,
    progress: Progress = lambda _what, _done, _total: None,
) -> dict[str, Any]:
    """Certify ``model`` smoothed by noise of deviation ``sigma``, in L2; return the summary.

    Each radius holds with confidence 1 - ``doubt``. The other parameters are those of
    `advkit.evaluate.certify_run.certify`.
    """
    if not len(samples.ids):
        raise EmptyError(f"{samples.name} has no samples", "nothing was evaluated")
    notes = [*samples.notes, *probe(model, samples.x, samples.y), *class_notes(model, samples)]
    check_alone(model, samples.x)
    made_of = ingredients(model, samples, "L2", eps, [], seed)
    made_of |= {"kind": SMOOTH, "sigma": sigma, "draws": draws, "doubt": doubt}
    record = {
        "made_of": made_of,
        **describe(model, samples, made_of, asked or {}),
        **{name: made_of[name] for name in ("norm", "eps", "sigma", "draws", "doubt", "seed")},
        "method": SMOOTH,
        "rounding": 0.0,
        "notes": notes,
    }
    with open_store(out, fresh=fresh, command="certify") as store, one_thread_each():
        begun = begin(store, record, out)
        threads = jobs or default_jobs(samples.x.device)
        work = Work(model, samples, "L2", seed, 1, threads, store, progress)
        judge_clean(work._replace(batch_size=64))
        _draw(work, sigma, draws, doubt)
        table = per_sample(work)
        summary = {**begun, **summarised(table, eps, sigma, doubt), "schema": SCHEMA}
        summary["verdict"] += _beyond(max(eps), sigma, draws, doubt)
        summary["seconds"] = float(store.frame("proofs")["seconds"].sum())
        summary["certified"][-1]["seconds"] = summary["seconds"]  # the same draws serve every eps
        summary["finished"] = begun["finished"] or now()
        write_text(out, "samples.csv", table.to_csv(index=False))
        write_json(out, "run.json", summary)
        return summary


def _draw(work: Work, sigma: float, draws: int, doubt: float) -> None:
    """Write a row for every sample that has none: ``lower`` is -1 if it is misclassified.

    ``eps`` is the radius; ``rung`` holds the class that the smoothed classifier predicts.
    """
    known = set(work.store.frame("proofs")["id"])
    left = [i for i, name in enumerate(work.samples.ids) if name not in known]

    def one(model: Classifier, at: int) -> pd.DataFrame:
        began, part = time.perf_counter(), take(work.samples, [at])
        found = smoothed(model, part.x, model.n_classes, sigma=sigma, draws=draws, doubt=doubt,
                         seed=work.seed, ids=part.ids)  # fmt: skip
        right = found.read_as.equal(part.y.cpu())
        row = {"id": part.ids[0], "eps": float(found.radius), "rung": str(int(found.read_as)),
               "lower": float(found.least) if right else -1.0, "passes": draws,
               "seconds": time.perf_counter() - began}  # fmt: skip
        return pd.DataFrame([row])

    for done, rows in enumerate(each(one, work.model, left, work.jobs), 1):
        work.store.add_proofs(rows)
        work.progress("draws", done, len(left))


def per_sample(work: Work) -> pd.DataFrame:
    """Return a row per sample as `certify_run.per_sample`, for the smoothed classifier."""
    clean = work.store.frame("samples")[["id", "label"]]
    rows = clean.merge(work.store.frame("proofs"), on="id", how="left", validate="1:1")
    right = rows["lower"] >= 0
    table = rows[["id", "label"]].assign(prediction=rows["rung"].astype(int), right=right)
    return table.assign(certified=rows["eps"].where(right, 0.0))


def summarised(
    table: pd.DataFrame, eps: Sequence[float], sigma: float, doubt: float
) -> dict[str, Any]:
    """Return the numbers of a run of `advkit certify --smooth`."""
    n, right = len(table), table[table["right"]]
    radii, clean = right["certified"].tolist(), wilson(len(right), n)
    rows: list[dict[str, Any]] = []
    for value in sorted(eps):
        share = certified_at(radii, value, n)
        rungs = {SMOOTH: {"ended": n, "certified": share["count"]}}
        rows.append({"eps": value, **share, "tried": n, "rungs": rungs, "seconds": 0.0})
    left = right[right["certified"] < max(eps)].sort_values("certified", ascending=False)
    columns = (left[name].tolist() for name in ("id", "label", "certified"))
    return {
        "verdict": verdict(clean, rows[-1], sigma, doubt),
        "clean": clean,
        "certified": rows,
        "curve": [{"eps": at, **share} for at, share in certified_curve(radii, eps, n)],
        "open": [
            {"id": name, "label": label, "certified": radius, "lower": radius - max(eps)}
            for name, label, radius in zip(*columns, strict=True)
        ],
    }


def _beyond(eps: float, sigma: float, draws: int, doubt: float) -> str:
    """Return a note if no image could have been certified at ``eps`` with so few draws."""
    most = reach(sigma, draws, doubt)
    if eps <= most:
        return ""
    return (f" With so few draws no image can be certified beyond L2 {most:.3g}: take more draws "
            "(--draws) or more noise (--smooth).")  # fmt: skip


def verdict(clean: Share, at: Mapping[str, Any], sigma: float, doubt: float) -> str:
    """Return the result in one sentence, at the largest eps."""
    return (
        f"Of {clean['n']:,} images the smoothed classifier (noise of standard deviation "
        f"{sigma:g}), not the model itself, classifies {clean['value']:.1%} correctly; "
        f"{at['value']:.1%} are certified to stay correct under every perturbation within L2 "
        f"{shown(at['eps'])}, each with {1 - doubt:.1%} confidence."
    )
