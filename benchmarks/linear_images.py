"""Real images under a linear model: exact distances, attack results, and pictures."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from torch import Tensor

from advkit.attacks import ATTACKS
from advkit.attacks.linear_distances import exact_nearest
from advkit.benchmarks.linear_fits import Fit, class_names
from advkit.data.samples import Samples
from advkit.engine.objectives import Model
from advkit.evaluate.measure import measure
from advkit.evaluate.report_examples import seen

NORMS = ("Linf", "L2", "L1", "L0")
TRIED = {
    "fgsm": ATTACKS["fgsm"],
    "pgd": partial(ATTACKS["pgd"], steps=40),
    "noise": ATTACKS["noise"],
}
POINTS = 11
"""Number of eps at which attacks run, including 0."""


class Exhibit(NamedTuple):
    """An image, its example, and the predictions for both (`report_examples.seen`)."""

    told: Mapping[str, Any]
    clean: Tensor
    adversarial: Tensor
    classes: Sequence[str]


def distances(fitted: Fit, samples: Samples) -> pd.DataFrame:
    """Return a row per image: ``id``, ``label``, ``right``, and the exact distance in each norm.

    Distances are within the box: 0 for misclassified images, infinity if no example exists.
    """
    right = fitted.weights.logits(samples.x).argmax(1) == samples.y
    found = {
        norm: exact_nearest(*fitted.weights, samples.x, samples.y, norm).distance.numpy()
        for norm in NORMS
    }
    names = class_names(samples)
    told = {"id": samples.ids, "label": [names[int(i)] for i in samples.y]}
    return pd.DataFrame({**told, "right": right.numpy(), **found})


def curves(fitted: Fit, samples: Samples, exact: pd.DataFrame, seed: int = 0) -> pd.DataFrame:
    """Return a row per norm (Linf, L2) and eps: how many of ``n`` images survive.

    Columns: norm, eps, n, ``exact`` (from `distances`), ``fgsm``, ``pgd``, ``noise`` (counted by
    `measure`). eps ranges from 0 to the value at which one image in twenty survives.
    """
    rows = []
    for norm in ("Linf", "L2"):
        known = exact.loc[exact["right"] & np.isfinite(exact[norm]), norm]
        high = float(known.quantile(0.95)) if len(known) else 0.1
        for eps in _grid(min(high, 0.99) if norm == "Linf" else high):
            standing = {"exact": int((exact[norm] > eps).sum())}
            for name, attack in TRIED.items():
                standing[name] = _standing(fitted.model, samples, attack, norm, eps, seed)
            rows.append({"norm": norm, "eps": eps, "n": len(samples.y), **standing})
    return pd.DataFrame(rows)


def _grid(high: float) -> list[float]:
    """Return eps from 0 to ``high``, rounded: an eps equal to a distance would be a tie."""
    return [float(f"{eps:.3g}") for eps in np.linspace(0, high, POINTS)]


def _standing(model: Model, samples: Samples, attack: Any, norm: str, eps: float, seed: int) -> int:
    x, y = samples.x, samples.y
    found = attack(model, x, y, eps=eps, norm=norm, seed=seed, ids=samples.ids)
    judged = measure(model, x, y, found, norm=norm, eps=eps)
    clean = measure(model, x, y, x, norm=norm, eps=0.0)
    return int((clean["right"] & ~(judged["fooled"] & judged["valid"])).sum())


def exhibits(
    fitted: Fit, samples: Samples, exact: pd.DataFrame, norm: str = "Linf"
) -> list[Exhibit]:
    """Return, for each class, the image of median distance, with its nearest example.

    With two classes also the images of smallest and largest distance.
    """
    names = class_names(samples)
    places = [(i, why) for label in range(len(names)) for i, why in
              _picked(exact, samples, label, norm, len(names))]  # fmt: skip
    if not places:
        return []
    index = [i for i, _ in places]
    x, y = samples.x[index], samples.y[index]
    found = ATTACKS["linear"](fitted.model, x, y, norm=norm)
    judged = measure(fitted.model, x, y, found, norm=norm, eps=np.inf)
    return [
        Exhibit(
            {
                "sample": samples.ids[i], "why": why, "label": int(y[k]), "attack": "exact",
                "eps": None, "size": float(judged[norm][k]),
                "sizes": {name: float(judged[name][k]) for name in NORMS},
                **seen(fitted.model, x[k], found[k], y[k]),
            },
            x[k], found[k], names,
        )
        for k, (i, why) in enumerate(places)
    ]  # fmt: skip


def _picked(
    exact: pd.DataFrame, samples: Samples, label: int, norm: str, classes: int
) -> list[tuple[int, str]]:
    mine = (samples.y == label).numpy() & exact["right"] & np.isfinite(exact[norm])
    places = np.flatnonzero(mine)
    if not len(places):
        return []
    order = places[np.argsort(exact[norm].to_numpy()[places], kind="stable")]
    middle = (int(order[len(order) // 2]), "")
    ends = [(int(order[0]), "easiest"), middle, (int(order[-1]), "hardest")]
    return [middle] if classes > 2 else ends


def missed(curve: pd.DataFrame) -> pd.DataFrame:
    """Return, per norm and attack, the largest excess of survivors over the exact count.

    Columns: norm, attack, missed, eps (where), n.
    """
    rows = []
    for norm, part in curve.groupby("norm", sort=False):
        for name in TRIED:
            gap = (part[name] - part["exact"]).to_numpy()
            at = int(gap.argmax())
            eps, n = float(part["eps"].iloc[at]), int(part["n"].iloc[at])
            rows.append({"norm": norm, "attack": name, "missed": int(gap[at]), "eps": eps, "n": n})
    return pd.DataFrame(rows)
