"""How linear a net is around real images, and how much of its vulnerability that explains."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from advkit.attacks import ATTACKS
from advkit.attacks.linear_closed_form import nearest_plane
from advkit.data.samples import Samples, take
from advkit.engine import NORMS, evaluate
from advkit.engine.objectives import margin, margins, pick, rivals
from advkit.evaluate.measure import measure
from advkit.models import Classifier

POINTS = 41
EPS, COLOUR_EPS = 0.1, 8 / 255
"""Default eps: for grey images and other inputs, and for colour images."""
IMAGES = 60


class Ways(NamedTuple):
    """Logits on the line x + t sign(gradient of the margin), t from -eps to eps."""

    t: Tensor
    """(POINTS,)."""
    own: Tensor
    """Logit of the label, (n, POINTS)."""
    rival: Tensor
    """Logit of the most probable class other than the label at x, (n, POINTS)."""
    slope: Tensor
    """Slope of rival minus own that the gradient at x predicts, per unit of t, (n,)."""


def right_ones(model: Classifier, samples: Samples, most: int = IMAGES) -> Samples:
    """Return the first ``most`` images that ``model`` classifies correctly; ties do not count."""
    over = _margins(model, samples.x, samples.y)
    return take(samples, (over < 0).nonzero().squeeze(1)[:most].tolist())


def _margins(model: Classifier, x: Tensor, y: Tensor) -> Tensor:
    return evaluate(margin(model, y), x, gradient=False).value


def ways(model: Classifier, samples: Samples, eps: float) -> Ways:
    """Evaluate each image along the sign of its gradient, both ways, even outside the box."""
    x, y = samples.x, samples.y
    point = evaluate(margin(model, y), x)
    rival, _ = rivals(point.output, y)
    t = torch.linspace(-eps, eps, POINTS)
    own, other = [], []
    for step in t:
        at = x + step * point.gradient.sign()
        logits = evaluate(margin(model, y), at, gradient=False).output
        own.append(pick(logits, y))
        other.append(pick(logits, rival))
    slope = NORMS["L1"].size(point.gradient)
    return Ways(t, torch.stack(own, 1), torch.stack(other, 1), slope)


def straightness(found: Ways) -> pd.DataFrame:
    """Return a row per image: fit and slope of the line fitted to rival minus own.

    Columns: ``r2`` (share of its variance that the line explains; 1 for a linear model), ``fitted``
    (its slope by least squares), ``tangent`` (the slope that the gradient at the image predicts).
    """
    t = (found.t - found.t.mean()).double()
    gap = (found.rival - found.own).double()
    centred = gap - gap.mean(1, keepdim=True)
    slope = centred @ t / t.square().sum()
    left = (centred - slope[:, None] * t).square().sum(1)
    total = centred.square().sum(1)
    r2 = torch.where(total > 0, 1 - left / total, 1.0)
    columns = {"r2": r2, "fitted": slope, "tangent": found.slope.double()}
    return pd.DataFrame({name: column.numpy() for name, column in columns.items()})


def first_order(model: Classifier, samples: Samples, eps: float, seed: int = 0) -> pd.DataFrame:
    """Return a row per image: predictions of the tangent model, and the measured results.

    Columns: ``foretold`` (exact Linf distance of the tangent model), ``nearest`` (Linf distance of
    the nearest example that `race` finds; infinity for none), ``change`` (of the margin, by FGSM at
    ``eps``), ``change_foretold`` (predicted by the tangent for the same perturbation), ``fgsm``
    (fooled by FGSM), ``cosine`` (of the gradients at the image and at its FGSM point).
    """
    x, y = samples.x, samples.y
    plane = nearest_plane(model, x, y, None, "Linf")
    nearest = ATTACKS["race"](model, x, y, norm="Linf", steps=49, seed=seed, ids=samples.ids)
    judged = measure(model, x, y, nearest, norm="Linf", eps=np.inf)
    moved = ATTACKS["fgsm"](model, x, y, eps=eps, norm="Linf", loss="margin")
    here, there = evaluate(margin(model, y), x), evaluate(margin(model, y), moved)
    slopes = here.gradient.flatten(1), there.gradient.flatten(1)
    return pd.DataFrame({
        "id": samples.ids,
        "foretold": NORMS["Linf"].size(plane - x.double()).numpy(),
        "nearest": np.where(judged["fooled"] & judged["valid"], judged["Linf"], np.inf),
        "change": (there.value - here.value).numpy(),
        "change_foretold": (slopes[0] * (moved - x).flatten(1)).sum(1).numpy(),
        "fgsm": (margins(there.output, y) > 0).numpy(),
        "cosine": torch.nn.functional.cosine_similarity(*slopes, dim=1).numpy(),
    })  # fmt: skip


def summary(
    name: str, straight: pd.DataFrame, told: pd.DataFrame, eps: float
) -> dict[str, float | str]:
    """Return the row of one net: medians over images, and predicted against found examples.

    ``r2``, ``r2_low`` (first decile), ``share`` (predicted over nearest distance: 1 for a linear
    model), ``kept`` (change of the margin by FGSM over the predicted change), ``cosine``, ``flips``
    (images with an example within ``eps``), ``flips_foretold`` (how many of these the tangent
    predicts), ``false_alarms`` (predicted, but none was found), ``fgsm`` (fooled by FGSM at
    ``eps``), ``images``.
    """
    flips, foretold = told["nearest"] <= eps, told["foretold"] <= eps
    ratio = told["foretold"] / told["nearest"]
    kept = told["change"] / told["change_foretold"].where(told["change_foretold"] > 0)
    return {
        "net": name, "images": len(told), "eps": eps,
        "r2": float(straight["r2"].median()), "r2_low": float(straight["r2"].quantile(0.1)),
        "share": float(ratio[np.isfinite(told["nearest"])].median()),
        "kept": float(kept.median()), "cosine": float(told["cosine"].median()),
        "flips": int(flips.sum()), "flips_foretold": int((flips & foretold).sum()),
        "false_alarms": int((~flips & foretold).sum()), "fgsm": int(told["fgsm"].sum()),
    }  # fmt: skip


def lines(name: str, found: Ways, ids: Sequence[str], image: int) -> pd.DataFrame:
    """Return the data of the line plot of one image: net, id, t, logits ``own`` and ``rival``."""
    return pd.DataFrame({
        "net": name, "id": ids[image], "t": found.t.numpy(),
        "own": found.own[image].numpy(), "rival": found.rival[image].numpy(),
    })  # fmt: skip


def typical(straight: pd.DataFrame) -> int:
    """Return the index of the image with median r2."""
    return int(straight["r2"].sort_values(kind="stable").index[len(straight) // 2])


def usual_eps(samples: Samples) -> float:
    """Return the default eps: 0.1, or 8/255 for colour images."""
    colour = samples.x.ndim == 4 and samples.x.shape[1] == 3
    return COLOUR_EPS if colour else EPS
