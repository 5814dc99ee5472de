"""The images and sounds that a report shows: selected, classified again, and saved.

A page can then be rewritten without model and data.
"""

from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from advkit.engine.objectives import Model, margins
from advkit.evaluate.attempts import LINE_SEARCH, saved_examples
from advkit.evaluate.run_folder import write_json
from advkit.evaluate.saved_arrays import write_arrays
from advkit.evaluate.stage_context import Work, room
from advkit.insight.maps import saliency
from advkit.insight.similarity import spearman
from advkit.models.classifier import Classifier

EXHIBITS, ENDS = 12, 3
TOP = 5  # classes shown, by probability
WAY = 21  # points on the line from the image to its example, both ends included


def write_exhibits(work: Work, eps: float) -> None:
    """Write `cards.npz` (images and examples) and `cards.json` (the model's outputs for them).

    Sounds are saved as waveforms in [-1, 1], with their ``rate``. Nothing is written for inputs
    that are neither images nor sounds. Margins are those of `engine.margins`.
    """
    x, rate = work.samples.x, work.samples.rate
    if rate is None and (x.ndim != 4 or x.shape[1] not in (1, 3)):
        return
    rows = picked(work, eps).reset_index(drop=True)
    clean = x[rows["position"].tolist()].float()
    adversarial = saved_examples(work, rows[["shard", "row"]], clean)
    y = work.samples.y[rows["position"].tolist()]
    model = work.judge or work.model
    looks = [seen(model, *one) for one in zip(clean, adversarial, y, strict=True)]
    cards = [{**_told(row, work.norm), **more} for (_, row), more in
             zip(rows.iterrows(), looks, strict=True)]  # fmt: skip
    low, high = work.samples.box
    shown = {"clean": clean, "adversarial": adversarial}
    saved = {name: (low + (high - low) * each).cpu().numpy() for name, each in shown.items()}
    if rate is not None:
        saved["rate"] = np.array(rate)
    elif not (
        work.judge or model.black_box
    ):  # the gradient of a single random output means nothing
        saved |= _maps(work.model, clean, adversarial, y)
    write_arrays(work.store.path / "cards.npz", **saved)
    write_json(work.store.path, "cards.json", cards)


def _maps(
    model: Classifier, clean: Tensor, adversarial: Tensor, y: Tensor
) -> dict[str, np.ndarray]:
    """Return gradients of the label's logit at both ends, (n, height, width), and similarity."""
    ends = [saliency(model, x, y).cpu().numpy() for x in (clean, adversarial)]
    alike = [spearman(*pair) for pair in zip(*ends, strict=True)]
    return {"map_clean": ends[0], "map_adversarial": ends[1], "likeness": np.array(alike)}


def picked(work: Work, eps: float) -> pd.DataFrame:
    """Return the rows of the examples to show; ``why`` marks the easiest and hardest images.

    Up to 12 images, in turn by class, with the smallest example that an attack found within
    ``eps``. Examples of the line search are left out, and those of minimum norm if there are
    others: they lie on the boundary, where the perturbation is as small as possible, and are not
    typical of an attack. Then the nearest examples of the three easiest and the three hardest
    images, at any distance.
    """
    place = work.store.frame("samples").set_index("id")["position"]
    results = work.store.frame("results")
    found = results.assign(
        least=results["eps"] == np.inf, why="", position=results["id"].map(place)
    )
    found = found[found["fooled"] & found["valid"]].sort_values([work.norm, "attack"])
    nearest = found.drop_duplicates("id")
    inside = found[(found["attack"] != LINE_SEARCH) & (found[work.norm] <= room(work, eps))]
    inside = (
        inside.sort_values("least", kind="stable").drop_duplicates("id").sort_values("position")
    )
    turns = inside.assign(turn=inside.groupby("label").cumcount()).sort_values(["turn", "label"])
    first, last = nearest.head(ENDS).assign(why="easiest"), nearest.tail(ENDS).assign(why="hardest")
    return pd.concat([turns.head(EXHIBITS), first, last[::-1]]).drop_duplicates("id")


def _told(row: pd.Series, norm: str) -> dict[str, Any]:
    """Return the data of an example in the ledger."""
    sizes = {name: float(row[name]) for name in ("L0", "L1", "L2", "Linf")}
    return {
        "sample": str(row["id"]),
        "why": str(row["why"]),
        "label": int(row["label"]),
        "attack": str(row["attack"]),
        "eps": None if row["eps"] == np.inf else float(row["eps"]),
        "size": sizes[norm],
        "sizes": sizes,
    }


@torch.no_grad()
def seen(model: Model, clean: Tensor, adversarial: Tensor, y: Tensor) -> dict[str, Any]:
    """Return the top classes of two images (...), and the margins along the line between them.

    ``before`` and ``after`` hold class and probability, ``margins`` 21 numbers for the label ``y``.
    """
    ends = model(torch.stack([clean, adversarial])).float()
    shares = torch.linspace(0, 1, WAY, dtype=clean.dtype, device=clean.device)
    way = clean + shares.view(-1, *[1] * clean.ndim) * (adversarial - clean)
    over = margins(model(way).float(), y.expand(WAY))
    before, after = (_likeliest(logits) for logits in ends.cpu())
    return {"before": before, "after": after, "margins": np.round(over.tolist(), 6).tolist()}


def _likeliest(logits: Tensor) -> list[dict[str, Any]]:
    top = logits.softmax(0).topk(min(TOP, len(logits)))
    return [
        {"class": int(index), "probability": float(share)}
        for share, index in zip(*top, strict=True)
    ]
