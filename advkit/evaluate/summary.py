"""The summary of a run, computed from its ledger."""

import math
from collections.abc import Sequence
from typing import Any

import pandas as pd

from advkit.evaluate.breakdown import breakdown
from advkit.evaluate.finished_audit import SCHEMA
from advkit.evaluate.intervals import Share, band, curve, needed, robust_at, wilson
from advkit.evaluate.proofs import certified_radius
from advkit.evaluate.stage_context import Work, right_when_clean, room, smallest
from advkit.numbers import shown


def summarise(
    work: Work,
    eps: Sequence[float],
    attacks: Sequence[str],
    trust: dict[str, Any],
    table: pd.DataFrame,
) -> dict[str, Any]:
    """Return clean and robust accuracy with intervals, the curve, and a row per attack and eps.

    Robust accuracy at eps is the share of all samples that are classified correctly when clean and
    for which no valid saved example within eps fools the model: the worst case per sample over all
    attacks. ``attacks`` are the labels in the order of the suite, ``table`` is that of
    `per_sample`.
    """
    n, clean = len(work.samples.ids), right_when_clean(work)
    sizes = table.loc[table["right"].astype(bool), "distance"].tolist()
    right = wilson(len(clean), n)
    results = work.store.frame("results")
    robust: list[dict[str, Any]] = [
        {
            "eps": e,
            **robust_at(sizes, e, n),
            "added": added(work, results, set(clean["id"]), e, attacks),
        }
        for e in sorted(eps)
    ]
    proved = float((table["right"].astype(bool) & (table["certified"] >= max(eps))).sum() / n)
    sentence = verdict(right, robust, work.norm, proved)
    steps = [{"eps": at, **share} for at, share in curve(sizes, eps, n)]
    return {
        "schema": SCHEMA,
        "verdict": warned(sentence, trust) if len(clean) else sentence,
        "trust": trust,
        "norm": work.norm,
        "clean": right,
        "robust": robust,
        "curve": steps,
        "band": band(n),
        "needed": needed(robust[-1]["value"]),
        **breakdown(work, eps, table),
        "attacks": attack_rows(work.store.frame("costs"), results),
        "not_finite": int(results["margin"].isna().sum()),
    }


def distances(work: Work, eps: Sequence[float]) -> pd.Series:
    """Return `smallest`, with sizes that exceed one of ``eps`` by float32 rounding set to it."""
    found = smallest(work)
    return found.map(lambda size: next((e for e in eps if e < size <= room(work, e)), size))


def per_sample(work: Work, eps: Sequence[float]) -> pd.DataFrame:
    """Return a row per sample: id, label, prediction, right, distance, certified.

    ``distance`` is the size of the smallest example found: 0 if the sample is misclassified when
    clean, infinity if none was found. It survives eps if and only if ``distance`` > eps.
    ``certified`` is the largest eps at which it is certified, 0 if none.
    """
    clean = work.store.frame("samples").set_index("position")
    found = distances(work, eps).reindex(clean.index, fill_value=0.0)
    names = ["id", "label", "prediction"]
    proved = certified_radius(work, clean.index.to_numpy(dtype=int))
    return clean[names].assign(right=clean["margin"] < 0, distance=found, certified=proved)


def added(
    work: Work, results: pd.DataFrame, right: set[str], eps: float, attacks: Sequence[str]
) -> dict[str, int]:
    """Attribute the samples fooled within ``eps`` to attacks: each to the first that fooled it."""
    within = results["fooled"] & results["valid"] & (results[work.norm] <= room(work, eps))
    lost = results[within & results["id"].isin(right)]
    place = lost["attack"].map({name: i for i, name in enumerate(attacks)})
    first = lost.assign(place=place).sort_values("place").drop_duplicates("id")
    counts = first["attack"].value_counts()
    return {name: int(counts.get(name, 0)) for name in attacks}


def verdict(clean: Share, robust: Sequence[dict[str, Any]], norm: str, proved: float = 0.0) -> str:
    """Return the result in one sentence, at the largest eps; ``proved`` is certified accuracy."""
    if clean["count"] == 0:
        return (
            f"None of {clean['n']:,} images is classified correctly: there is nothing to attack, "
            "and so nothing to trust."
        )
    at = robust[-1]
    within = f"within {norm} {shown(at['eps'])}"
    # "At most" refers to these images, the interval to all: its upper end may lie above.
    over, interval = "95% interval over all such images", f"{at['low']:.1%} to {at['high']:.1%}"
    elsewhere = f"({over}, under these attacks: {interval})"
    known = f"Of {clean['n']:,} images the model classifies {clean['value']:.1%} correctly"
    if proved and proved == at["value"]:
        exactly = f"exactly {proved:.1%} stay correct, as is proved"
        return f"{known}; {within}, {exactly} ({over}: {interval})."
    if proved:
        return (
            f"{known}; {within}, between {proved:.1%} (proved) and {at['value']:.1%} (attacked) "
            f"stay correct {elsewhere}."
        )
    return f"{known}; under attack {within}, at most {at['value']:.1%} stay correct {elsewhere}."


def warned(sentence: str, trust: dict[str, Any]) -> str:
    """Return the verdict, preceded by a warning if it must not be trusted."""
    return f"{trust['headline']} {sentence}" if trust["overall"] == "doubtful" else sentence


def attack_rows(costs: pd.DataFrame, results: pd.DataFrame) -> list[dict[str, Any]]:
    """Return one row per attack and eps in the order in which they ran.

    ``forwards`` and ``backwards`` are passes per sample tried; ``fooled`` counts valid examples,
    ``invalid`` those outside ball or box. ``eps`` is None for minimum-norm attacks.
    """
    rows = []
    for (attack, eps), part in costs.groupby(["attack", "eps"], sort=False):
        mine = results[(results["attack"] == attack) & (results["eps"] == eps)]
        tried = int(part["tried"].sum())
        rows.append(
            {
                "attack": str(attack),
                "eps": None if eps == math.inf else float(eps),  # type: ignore[arg-type]
                "tried": tried,
                "fooled": int((mine["fooled"] & mine["valid"]).sum()),
                "invalid": int((~mine["valid"]).sum()),
                "forwards": float(part["forwards"].sum() / tried),
                "backwards": float(part["backwards"].sum() / tried),
                "seconds": float(part["seconds"].sum()),
            }
        )
    return rows
