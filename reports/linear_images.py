"""Exact robust accuracy of linear models on real images, and the distribution of distances."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from markupsafe import Markup

from advkit.reports.axes import NARROW, WIDE
from advkit.reports.bins import counted, histogram
from advkit.reports.linear_parts import Linearity, Of, lines_figure, table_of, whole
from advkit.reports.lines import Line
from advkit.reports.parts import Figure, Table
from advkit.reports.words import count, decimal

NORMS = ("Linf", "L2", "L1", "L0")
BINS = 24
EXACT_POINTS = 121


def models_of(study: Linearity) -> list[str]:
    """Return the models that were fitted: two classes, and all classes if there are more."""
    return [which for which in ("two", "all") if f"curves_{which}" in study.tables]


def curve_figure(study: Linearity, which: str, norm: str) -> Figure:
    """Draw exact robust accuracy against the survivors of FGSM, PGD and noise."""
    frame = study.tables[f"curves_{which}"]
    frame = frame[frame["norm"] == norm]
    exact, n = study.tables[f"distances_{which}"], int(frame["n"].iloc[0])
    lines = [Line("exact", _standing(exact[norm].to_numpy(), float(frame["eps"].max())))]
    lines += [Line(name.upper() if name != "noise" else name, _points(frame, name), dots=True)
              for name in ("pgd", "fgsm", "noise")]  # fmt: skip
    title = f"Share that stays correct over {norm} eps, {_model(study, which)}"
    gaps = {name: _gap(study, which, norm, name) for name in ("fgsm", "pgd")}
    return lines_figure(
        lines, name=f"curve-{which}-{norm}", title=title,
        desc="; ".join(f"{name.upper()} misses at most {gap}" for name, gap in gaps.items()),
        caption=f"{title}: the exact line drops by one image at each exact distance; attacks ran at"
        f" the {len(frame)} eps of the table. Of {count(n)} test images FGSM misses at most"
        f" {gaps['fgsm']} that can be fooled, PGD {gaps['pgd']}.",
        across=f"eps ({norm})", up="% correct",
        data=table_of(frame, title, [
            Of("eps", "eps"), *(Of(name, name, whole) for name in
                                ("exact", "fgsm", "pgd", "noise")), Of("n", "images", whole),
        ]),
        reading="The line is not from an attack: it is computed from the weights, and no attack can"
        " get below it. Where a diamond lies on it, one step of FGSM is optimal.",
        limits="Exact for these weights. The share of these test images is an estimate for other"
        f" images of their kind: with {count(n)} of them it can be off by"
        f" {100 * 0.98 / np.sqrt(n):.0f} points.",
        command=study.command,
    )  # fmt: skip


def _model(study: Linearity, which: str) -> str:
    if which == "two":
        return " against ".join(study.about["pair"])
    return f"all {len(study.about['classes'])} classes"


def _gap(study: Linearity, which: str, norm: str, attack: str) -> str:
    frame = study.tables[f"missed_{which}"]
    row = frame[(frame["norm"] == norm) & (frame["attack"] == attack)].iloc[0]
    return count(int(row["missed"]))


def _standing(distances: Any, high: float) -> list[tuple[float, float]]:
    found = np.sort(np.asarray(distances, dtype=float))
    grid = np.linspace(0, high, EXACT_POINTS)
    left = 1 - np.searchsorted(found, grid, side="right") / len(found)
    return [(float(x), 100 * float(y)) for x, y in zip(grid, left, strict=True)]


def _points(frame: pd.DataFrame, name: str) -> list[tuple[float, float]]:
    return [(float(row["eps"]), 100 * row[name] / row["n"]) for row in frame.to_dict("records")]


def distance_figure(study: Linearity, which: str, norm: str = "Linf") -> Figure | None:
    """Draw the distribution of exact distances of correct images; None if there are none."""
    frame = study.tables[f"distances_{which}"]
    known = frame.loc[frame["right"] & np.isfinite(frame[norm]), norm].to_numpy()
    if not len(known) or not known.max() > 0:
        return None
    high, middle = float(known.max()), float(np.median(known))
    counts = counted(known.tolist(), BINS, high)
    edges = np.linspace(0, high, BINS + 1).tolist()
    title = f"Exact {norm} distances, {_model(study, which)}"

    def draw(width: int) -> Markup:
        return histogram(
            counts, edges, name=f"spread-{which}-{width}", title=title, width=width,
            desc=f"{count(len(known))} images, median {decimal(middle)}", across=f"{norm} distance",
            marks=[(middle, f"median {decimal(middle)}")],
        )  # fmt: skip

    return Figure(
        f"spread-{which}", draw(WIDE), draw(NARROW),
        f"How far the {count(len(known))} correctly classified test images are from being"
        f" misclassified: half of them no further than {decimal(middle)}, {decimal(255 * middle)}"
        " grey levels.",
        _bins(counts, edges, title),
        reading="Each bar counts images whose nearest adversarial example is at that distance; none"
        " is nearer within the box [0, 1] of real images.",
        limits="A distance says how much must change, not whether an eye would notice.",
        command=study.command,
    )  # fmt: skip


def _bins(counts: Sequence[int], edges: Sequence[float], title: str) -> Table:
    frame = pd.DataFrame({"low": edges[:-1], "high": edges[1:], "images": counts})
    return table_of(frame, f"{title}, by bar", [
        Of("low", "from"), Of("high", "to"), Of("images", "images", whole),
    ])  # fmt: skip


def quantiles(study: Linearity, which: str) -> Table:
    """Return quantiles of the exact distances of correct images, in every norm."""
    frame = study.tables[f"distances_{which}"]
    right = frame.loc[frame["right"], list(NORMS)]
    told = pd.DataFrame({
        "norm": NORMS, **{head: [float(right[norm].quantile(q, interpolation="lower"))
                                 if len(right) else np.nan for norm in NORMS]
                          for head, q in QUANTILES.items()},
    })  # fmt: skip
    caption = f"Exact distances in each norm, {_model(study, which)}, correctly classified images"
    return table_of(told, caption, [Of("norm", "norm", str, False),
                                    *(Of(head, head) for head in QUANTILES)])  # fmt: skip


QUANTILES = {"nearest": 0.0, "10%": 0.1, "median": 0.5, "90%": 0.9, "furthest": 1.0}


def result(study: Linearity) -> str:
    """Return the result in words: how near the boundaries are."""
    told = []
    for which in models_of(study):
        frame = study.tables[f"distances_{which}"]
        middle = float(frame.loc[frame["right"], "Linf"].median()) if frame["right"].any() else 0.0
        told.append(f"{decimal(middle)} for {_model(study, which)}")
    within = ", ".join(told)
    return (
        f"Half of the correctly classified images can be fooled within an exact Linf of {within}."
    )
