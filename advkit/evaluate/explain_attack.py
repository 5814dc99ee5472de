"""Saliency maps after an attack, and their similarity to those before."""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from advkit.evaluate.explain_maps import Maps, Scene, file_name, full_size, maps_at
from advkit.evaluate.measure import measure
from advkit.evaluate.saved_arrays import write_array, write_arrays
from advkit.insight.similarity import (
    change_within,
    concentration,
    spearman,
    structural_similarity,
    top_overlap,
)
from advkit.models.classifier import Classifier


def reactions(scene: Scene, maps: Maps) -> dict[str, Any]:
    """Attack the images, compute their maps for the same classes, compare; write the arrays."""
    look, plan, member = scene.look, scene.plan, scene.plan.attack
    model = look.model
    assert member is not None  # noqa: S101
    assert isinstance(model, Classifier)  # noqa: S101
    with torch.no_grad():
        y = model(look.x).argmax(1)
    x_adv = member.attack(model, look.x, y, eps=plan.eps, norm=plan.norm, seed=plan.seed,
                          ids=scene.samples.ids).detach().float()  # fmt: skip
    judged = measure(model, look.x, y, x_adv, norm=plan.norm, eps=plan.eps)
    rows = _mapped_again(scene, maps, x_adv)
    write_arrays(scene.out / "adversarial.npz", x_adv=x_adv.cpu().numpy())
    return {
        "attack": member.label, "norm": plan.norm, "eps": plan.eps,
        "fooled": int((judged["fooled"] & judged["valid"]).sum()), "n": len(y),
        "images": [{"fooled": bool(row["fooled"] and row["valid"]),
                    "prediction": int(row["prediction"]), "confidence": float(row["confidence"]),
                    "size": float(row[plan.norm])} for _, row in judged.iterrows()],
        "methods": rows,
    }  # fmt: skip


def _mapped_again(scene: Scene, maps: Maps, x_adv: Tensor) -> list[dict[str, Any]]:
    """Compare every map with that of ``x_adv``, which is written too."""
    look, rows = scene.look, []
    after = look._replace(x=x_adv)
    delta = (x_adv - look.x).abs().sum(1).double().cpu().numpy()
    members = {one.label: one for one in scene.plan.methods}
    (scene.out / "adversarial").mkdir(exist_ok=True)
    for number, (label, first) in enumerate(maps.items()):
        second = maps_at(after, members[label])
        write_array(scene.out / "adversarial" / f"{file_name(label)}.npy", second.cpu().numpy())
        rows.append({"label": label, "images": [
            _compared(*pair) for pair in zip(full_size(first, look.x).double().cpu().numpy(),
                                             full_size(second, look.x).double().cpu().numpy(),
                                             delta, strict=True)]})  # fmt: skip
        scene.progress("after the attack", number + 1, len(maps))
    return rows


def _compared(first: np.ndarray, second: np.ndarray, delta: np.ndarray) -> dict[str, float | None]:
    """Return the measures of two maps, None where a flat map has none: JSON has no NaN."""
    found = {
        "spearman": spearman(first, second),
        "ssim": structural_similarity(first, second),
        "top_overlap": top_overlap(first, second),
        "concentration": concentration(first),
        "concentration_after": concentration(second),
        "change_within": change_within(delta, first),
    }
    return {name: value if np.isfinite(value) else None for name, value in found.items()}
