"""The stages after the maps of `advkit explain`: segmentation and faithfulness."""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from advkit.engine.gradient import Objective
from advkit.engine.objectives import pick
from advkit.errors import InapplicableError
from advkit.evaluate.explain_maps import Maps, Scene, full_size, maps_at
from advkit.evaluate.explain_noise import under_noise
from advkit.evaluate.saved_arrays import write_arrays
from advkit.insight.faithfulness import (
    area,
    blurred,
    deletion,
    insertion,
    order_of,
    pointing_game,
    random_orders,
)
from advkit.insight.method_input import Look
from advkit.insight.randomisation import cascade
from advkit.insight.segmentation import box_of, box_overlap, overlap, segment
from advkit.insight.similarity import (
    edges,
    spearman,
)
from advkit.insight.targets import aim


def objects(scene: Scene, maps: Maps, truth: np.ndarray | None) -> dict[str, Any]:
    """Segment the object in every image by the first method's map; write `objects.npz`."""
    label = next(iter(maps))
    x = scene.look.x
    saliency = full_size(maps[label], x).double().cpu().numpy()
    images = x.permute(0, 2, 3, 1).double().cpu().numpy()
    rows, masks, seeds = [], [], []
    for i, (image, one) in enumerate(zip(images, saliency, strict=True)):
        row, mask, marked = _object(
            image, one, None if truth is None else truth[i], scene.plan.seed
        )
        rows.append(row)
        masks.append(mask)
        seeds.append(marked)
        scene.progress("objects", i + 1, len(images))
    write_arrays(scene.out / "objects.npz", masks=np.stack(masks), seeds=np.stack(seeds))
    return {"method": label, "objects": rows}


def _object(
    image: np.ndarray, saliency: np.ndarray, truth: np.ndarray | None, seed: int
) -> tuple[dict[str, Any], np.ndarray, np.ndarray]:
    try:
        found = segment(image, saliency, seed=seed)
    except InapplicableError as error:
        empty = np.zeros(saliency.shape, dtype=bool)
        return {"box": [0, 0, 0, 0], "share": 0.0, "note": str(error)}, empty, np.stack([empty] * 2)
    row: dict[str, Any] = {"box": list(found.box), "share": float(found.mask.mean()),
                           "note": found.note}  # fmt: skip
    if truth is not None and truth.any():
        row |= {"iou": overlap(found.mask, truth), "box_iou": box_overlap(found.box, box_of(truth))}
    return row, found.mask, found.seeds


def faithful(scene: Scene, maps: Maps, truth: np.ndarray | None) -> dict[str, Any]:
    """Return per method deletion and insertion, noise and randomisation results.

    Compared with random orders of the same pixels, under noise, and with randomised weights.
    """
    look, unit = _scored(scene)
    x = look.x
    mean = x.mean((2, 3), keepdim=True).expand_as(x).contiguous()
    soft = blurred(x)
    chance = [(deletion(look, order, mean), insertion(look, order, soft))
              for order in random_orders(look)]  # fmt: skip
    band = [torch.stack(each) for each in zip(*chance, strict=True)]
    rows = []
    for number, (label, values) in enumerate(maps.items()):
        order = order_of(full_size(values, x))
        curves = deletion(look, order, mean), insertion(look, order, soft)
        rows.append({"label": label, **_held(curves, band), **_pointed(values, x, truth)})
        scene.progress("deletion and insertion", number + 1, len(maps))
    others = under_noise(scene, maps), _cascaded(scene, maps)
    for row, noise, changes in zip(rows, *others, strict=True):
        row |= noise | changes
    told = {"chance": [_curve(each) for each in band], "unit": unit, "orders": len(chance)}
    return {**told, "methods": rows, "n": len(x)}


def _scored(scene: Scene) -> tuple[Look, str]:
    """Return the method input for the probability of the class, if the target is a class."""
    classes = scene.target.classes
    if (
        classes is None
        or not scene.target.text.startswith("the logit of")
        or " over " in scene.target.text
    ):
        return scene.look, scene.target.text

    def value(x: Tensor, wanted: Tensor) -> tuple[Tensor, Tensor]:
        logits = scene.look.model(x)
        return pick(logits.softmax(1), wanted), logits

    return scene.look._replace(objective=Objective(value, (classes,))), "probability of the class"


def _held(curves: tuple[Tensor, Tensor], band: list[Tensor]) -> dict[str, Any]:
    """Return areas, and on how many images they are beyond every random order."""
    below, above = (area(each) for each in curves)
    random = [torch.stack([area(each) for each in one]) for one in band]
    return {
        "deletion": [float(v) for v in below],
        "insertion": [float(v) for v in above],
        "deletion_curve": _curve(curves[0][None])["mean"],
        "insertion_curve": _curve(curves[1][None])["mean"],
        "beats_chance_deleting": int((below < random[0].amin(0)).sum()),
        "beats_chance_inserting": int((above > random[1].amax(0)).sum()),
    }


def _curve(values: Tensor) -> dict[str, list[float]]:
    """Return the mean over images of (orders, n, points), and its range over orders."""
    means = values.mean(1)
    return {"mean": means.mean(0).tolist(), "low": means.amin(0).tolist(),
            "high": means.amax(0).tolist()}  # fmt: skip


def _pointed(values: Tensor, x: Tensor, truth: np.ndarray | None) -> dict[str, Any]:
    if truth is None:
        return {}
    full = full_size(values, x).cpu().numpy()
    tolerance = round(15 * max(x.shape[2:]) / 224)
    hits = [pointing_game(*pair, tolerance) for pair in zip(full, truth, strict=True)]
    told = [hit for hit in hits if hit is not None]
    return {"pointing": {"hits": sum(told), "n": len(told), "tolerance": tolerance}}


def _cascaded(scene: Scene, maps: Maps) -> list[dict[str, Any]]:
    """Return per method the mean |Spearman| with its own map as weights are randomised.

    Signed maps are compared with their signs: where the input is a factor, as in integrated
    gradients, magnitudes alone would stay similar for any net.
    """
    model = scene.look.model
    images = scene.look.x.permute(0, 2, 3, 1).double().cpu().numpy()
    control = [edges(image) for image in images]
    found: dict[str, list[tuple[float, float]]] = {label: [] for label in maps}
    members = {member.label: member for member in scene.plan.methods}
    for share, other in cascade(model, scene.look.x, seed=scene.plan.seed):
        for label, first in maps.items():
            values = maps_at(_moved(scene, other), members[label]) if share else first
            found[label].append((share, _alike(first, values)))
        scene.progress("weights randomised", round(100 * share), 100)
    return [
        {"cascade": found[label], "edges": _nanmean([
            abs(spearman(one, edge)) for one, edge in
            zip(full_size(values, scene.look.x).abs().double().cpu().numpy(), control, strict=True)
        ])}
        for label, values in maps.items()
    ]  # fmt: skip


def _moved(scene: Scene, model: torch.nn.Module) -> Look:
    """Return the same method input for another net of the same shape and the same classes."""
    text, classes = scene.plan.target, scene.target.classes
    again = classes if text in ("predicted", "second") and classes is not None else text
    goal = aim(model, scene.look.x, again, y=scene.samples.y, names=scene.names)
    return scene.look._replace(model=model, objective=goal.objective)


def _alike(a: Tensor, b: Tensor) -> float:
    pairs = zip(a.double().cpu().numpy(), b.double().cpu().numpy(), strict=True)
    return _nanmean([abs(spearman(*pair)) for pair in pairs])


def _nanmean(values: list[float]) -> float:
    """Return the mean of the values that are not NaN, 0 if none: a flat map resembles nothing."""
    known = [value for value in values if np.isfinite(value)]
    return float(np.mean(known)) if known else 0.0
