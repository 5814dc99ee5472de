"""What lies behind the share: which classes fall, for what they are taken, how far away that is."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from advkit.evaluate.intervals import wilson
from advkit.evaluate.work import Work, nearest_within

BINS, PICKED = 40, 6


def breakdown(work: Work, eps: Sequence[float], table: pd.DataFrame) -> dict[str, Any]:
    """Return the parts of a summary that look behind the share.

    ``table`` has a row per sample (`summary.per_sample`). ``by_class``: for every class its share
    when clean and at each eps. ``confusion``: how often each class is read as each other within the
    largest eps, by the smallest example found. ``distances``: how many nearest examples lie in each
    of 40 bins. ``easiest`` and ``hardest``: images with the nearest and with the furthest.
    """
    right = table[table["right"].astype(bool)].astype({"distance": float})
    top = _reach(right["distance"], max(eps))
    inside = right["distance"][right["distance"] <= top]
    counts = np.histogram(inside, bins=BINS, range=(0, top))[0]
    order = right.sort_values(["distance", "id"])
    return {
        "by_class": [_class(part, name, eps) for name, part in table.groupby("label")],
        "confusion": _confusion(work, max(eps)),
        "distances": {"high": top, "counts": counts.tolist(), "beyond": len(right) - len(inside)},
        "easiest": _named(order.head(PICKED)),
        "hardest": _named(order.tail(PICKED)[::-1]),
    }


def _class(part: pd.DataFrame, name: Any, eps: Sequence[float]) -> dict[str, Any]:
    n = len(part)
    robust = [wilson(int((part["distance"] > e).sum()), n) for e in sorted(eps)]
    return {"class": int(name), "clean": wilson(int(part["right"].sum()), n), "robust": robust}


def _confusion(work: Work, eps: float) -> list[dict[str, int]]:
    """Return (label, read as, images) of all pairs that occur, most frequent first."""
    lost = nearest_within(work, eps)
    pairs = Counter(zip(lost["label"].tolist(), lost["prediction"].tolist(), strict=True))
    rows = [{"label": label, "read_as": read, "images": n} for (label, read), n in pairs.items()]
    return sorted(rows, key=lambda row: (-row["images"], row["label"], row["read_as"]))


def _reach(distances: pd.Series, eps: float) -> float:
    """Return how far the histogram goes: to where nearly all known distances lie."""
    known = distances[np.isfinite(distances)]
    return float(max(eps, known.quantile(0.98))) if len(known) else eps


def _named(rows: pd.DataFrame) -> list[dict[str, Any]]:
    return [
        {"id": str(row["id"]), "label": int(row["label"]),
         "distance": None if np.isinf(row["distance"]) else float(row["distance"])}
        for _, row in rows.iterrows()
    ]  # fmt: skip
