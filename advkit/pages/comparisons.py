"""The data of the page that compares two finished audits."""

from pathlib import Path
from typing import Any

from advkit.data.samples import class_name
from advkit.evaluate.paired import Flips, Pairing, curves, flips, pair
from advkit.numbers import shown
from advkit.reports.comparison_tables import Comparison, Side, Split
from advkit.reports.tables import Interval

SCHEMA = "advkit/comparison/1"


def comparison_of(
    first: Path, second: Path, *, force: bool = False, command: str = ""
) -> Comparison:
    """Return two audits of the same images side by side; raises InputError (`paired.pair`)."""
    pairing = pair(first, second, force=force)
    splits = [flips(pairing, eps) for eps in pairing.eps]
    names = _names(pairing, first, second)
    a, samples = pairing.runs[0], pairing.samples
    classes = a["model"]["classes"]
    labels = [class_name(classes, i) for i in samples["label"]]
    return Comparison(
        verdict=verdict(splits[-1], pairing),
        norm=pairing.norm,
        a=_side(pairing, 0, names[0]),
        b=_side(pairing, 1, names[1]),
        splits=[_split(one) for one in splits],
        distances=list(
            zip(samples["id"], labels, samples["distance_a"], samples["distance_b"], strict=True)
        ),
        data={"name": a["data"]["name"], "images": len(samples), "sha256": a["data"]["sha256"]},
        notes=pairing.notes,
        command=command,
    )


def _names(pairing: Pairing, first: Path, second: Path) -> tuple[str, str]:
    """Return the names of the two: their models, with folders if these are equal."""
    a, b = (str(run["model"]["name"]) for run in pairing.runs)
    return (a, b) if a != b else (f"{a} ({first.name})", f"{b} ({second.name})")


def _side(pairing: Pairing, at: int, name: str) -> Side:
    run = pairing.runs[at]
    points = curves(pairing)[at]
    return Side(
        name=name,
        curve=[(eps, Interval(**share)) for eps, share in points],
        clean=Interval(**points[0][1]),
        model=run["model"],
        run=_told(run),
        command=run["command"],
    )


def _told(run: dict[str, Any]) -> dict[str, Any]:
    named = {name: run[name] for name in ("suite", "seed", "started", "finished")}
    made = {name: run["environment"][name] for name in ("advkit", "torch", "device")}
    return {"model": run["model"]["spec"], "sha256": run["model"]["sha256"], **named, **made}


def _split(one: Flips) -> Split:
    return Split(**{**one._asdict(), "a": Interval(**one.a), "b": Interval(**one.b)})


def verdict(last: Flips, pairing: Pairing) -> str:
    """Return the result in one sentence, at the largest common eps."""
    where = f"Within {pairing.norm} {shown(last.eps)}, on the same {len(pairing.samples):,} images"
    shares = f"A stays correct on {last.a['value']:.1%} and B on {last.b['value']:.1%}"
    differ = last.only_a + last.only_b
    if not differ:
        return f"{where}, {shares}: exactly the same images survive in both."
    split = f"of the {differ:,} on which they differ, {last.only_a:,} survive in A only and "
    split += f"{last.only_b:,} in B only"
    if last.p >= 0.05:
        return f"{where}, {shares}; {split}, which can be chance (McNemar p = {last.p:.2g})."
    better = "A" if last.only_a > last.only_b else "B"
    p = f"p = {last.p:.2g}" if last.p >= 1e-6 else "p < 1e-06"
    return f"{where}, {shares}; {split}. {better} is more robust (McNemar {p})."


def summary_of(both: Comparison) -> dict[str, Any]:
    """Return the comparison as plain values: names, verdict, and a row per eps."""
    rows = [
        {**{name: getattr(one, name) for name in Split.__dataclass_fields__},
         "a": vars(one.a), "b": vars(one.b)}
        for one in both.splits
    ]  # fmt: skip
    return {
        "schema": SCHEMA,
        "verdict": both.verdict,
        "a": both.a.name,
        "b": both.b.name,
        "norm": both.norm,
        "n": len(both.distances),
        "eps": rows,
        "notes": list(both.notes),
    }
