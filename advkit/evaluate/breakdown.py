"""Details of robust accuracy: by class, confused pairs, distances, easiest and hardest images."""

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd

from advkit.evaluate.intervals import wilson
from advkit.evaluate.stage_context import Work, nearest_within

BINS, PICKED = 40, 6


def breakdown(work: Work, eps: Sequence[float], table: pd.DataFrame) -> dict[str, Any]:
    """Return the details of robust accuracy for the summary.

    ``table`` has a row per sample (`summary.per_sample`). ``by_class``: clean and robust accuracy
    of every class at each eps. ``confusion``: how often each class is predicted as each other
    within the largest eps, by the smallest example found. ``distances``: a histogram of the
    distances to the nearest examples in about 40 bins; every eps is an edge. ``easiest`` and
    ``hardest``: the images with the nearest and the furthest examples.
    """
    right = table[table["right"].astype(bool)].astype({"distance": float})
    top = _reach(right["distance"], max(eps))
    inside = right["distance"][right["distance"] <= top]
    edges = _edges(top, eps)
    # A distance of exactly eps counts as within eps: an edge belongs to the bin on its left.
    place = np.searchsorted(edges[1:], inside, side="left")
    counts = np.bincount(place, minlength=len(edges) - 1).tolist()
    order = right.sort_values(["distance", "id"])
    return {
        "by_class": [_class(part, name, eps) for name, part in table.groupby("label")],
        "confusion": _confusion(work, max(eps)),
        "distances": {
            "high": top,
            "edges": edges,
            "counts": counts,
            "beyond": len(right) - len(inside),
        },
        "easiest": _named(order.head(PICKED)),
        "hardest": _named(order.tail(PICKED)[::-1]),
    }


def _class(part: pd.DataFrame, name: Any, eps: Sequence[float]) -> dict[str, Any]:
    n = len(part)
    robust = [wilson(int((part["distance"] > e).sum()), n) for e in sorted(eps)]
    return {"class": int(name), "clean": wilson(int(part["right"].sum()), n), "robust": robust}


def _confusion(work: Work, eps: float) -> list[dict[str, int]]:
    """Return (label, predicted as, images) of all pairs that occur, most frequent first."""
    lost = nearest_within(work, eps)
    pairs = Counter(zip(lost["label"].tolist(), lost["prediction"].tolist(), strict=True))
    rows = [{"label": label, "read_as": read, "images": n} for (label, read), n in pairs.items()]
    return sorted(rows, key=lambda row: (-row["images"], row["label"], row["read_as"]))


def _reach(distances: pd.Series, eps: float) -> float:
    """Return the upper end of the histogram: the 98% quantile of the known distances."""
    known = distances[np.isfinite(distances)]
    far = float(known.quantile(0.98)) if len(known) else 0.0
    # A narrow bin beyond the largest eps would be invisible; eps 0 alone still needs an axis.
    return far if far > eps * (1 + 1 / BINS) else eps or 1.0


def _edges(high: float, eps: Sequence[float]) -> list[float]:
    """Return the edges of about 40 bins from 0 to ``high``, nearly equal; every eps is an edge."""
    edges = [0.0]
    for low, end in pairwise(sorted({0.0, *eps, high})):
        parts = max(1, round(BINS * (end - low) / high))
        edges += np.linspace(low, end, parts + 1)[1:].tolist()
    return edges


def _named(rows: pd.DataFrame) -> list[dict[str, Any]]:
    return [
        {"id": str(row["id"]), "label": int(row["label"]),
         "distance": None if np.isinf(row["distance"]) else float(row["distance"])}
        for _, row in rows.iterrows()
    ]  # fmt: skip
