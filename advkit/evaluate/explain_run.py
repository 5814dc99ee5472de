"""The run of `advkit explain`: maps by several methods, stored as raw arrays, and statistics."""

import time
from collections.abc import Callable, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from advkit.attacks import Member
from advkit.data.samples import Samples, fingerprint
from advkit.engine.gradient import evaluate
from advkit.engine.layers import layer_of
from advkit.errors import InapplicableError, InputError
from advkit.evaluate.black_box_run import check_gradients
from advkit.evaluate.class_names import class_notes
from advkit.evaluate.earlier_run import earlier
from advkit.evaluate.explain_attack import reactions
from advkit.evaluate.explain_checks import faithful, objects
from advkit.evaluate.explain_maps import Maps, Scene, file_name, maps_at, with_layer
from advkit.evaluate.explain_plan import Plan
from advkit.evaluate.fingerprint import check_same, environment, now
from advkit.evaluate.run_folder import make_place, no_run, read_json, write_json
from advkit.evaluate.saved_arrays import write_array, write_arrays
from advkit.evaluate.stage_context import Progress
from advkit.evaluate.workers import one_thread_each
from advkit.insight.method_input import Look, root_of
from advkit.insight.methods import ABOUT, has_sign
from advkit.insight.targets import aim
from advkit.models.classifier import Classifier
from advkit.models.probe import output_kind, probe

SCHEMA = "advkit/explain/1"
TOP = 5
STAGES = ("segmentation", "faithfulness", "attack")


def explain(
    model: Classifier,
    samples: Samples,
    plan: Plan,
    *,
    out: Path,
    fresh: bool = False,
    truth: np.ndarray | None = None,
    asked: Mapping[str, str] | None = None,
    progress: Progress = lambda _what, _done, _total: None,
) -> dict[str, Any]:
    """Write the maps of ``samples`` into ``out``; return the summary that `run.json` holds too.

    ``maps/METHOD.npy`` are raw, (n, h, w), at the method's own size. A method that does not apply
    is noted with the reason; if none applies, InapplicableError is raised. Existing maps are not
    computed again. ``truth`` (n, height, width) are masks of the objects, if known. Raises
    AdvkitError.
    """
    if samples.x.ndim != 4:
        raise InputError(f"{samples.name} holds no pictures, but {tuple(samples.x.shape)}")
    check_gradients(model, [plan.attack] if plan.attack else [])
    if plan.faithfulness and not any(True for _ in model.parameters()):
        raise InapplicableError(
            f"faithfulness is checked by randomising weights, and {model.name} shows none",
            "leave --faithfulness out",
        )
    notes = [*samples.notes, *probe(model, samples.x, samples.y), *class_notes(model, samples)]
    if plan.layer:
        layer_of(root_of(model), plan.layer.partition("#")[0])
    with one_thread_each():
        target = aim(model, samples.x, plan.target, y=samples.y, names=model.classes)
        with torch.no_grad():
            logits = model(samples.x)
        if output_kind(model, logits) == "probabilities":
            target = target._replace(text=target.text.replace("logit", "probability"))
        look = Look(model, samples.x, target.objective, plan.layer, plan.seed, samples.ids)
        look = with_layer(look, plan)
        scene = Scene(look, target, samples, plan, out, progress, model.classes)
        summary = _begun(scene, asked or {}, notes, fresh, truth)
        summary["samples"] = _samples(scene, logits.float().cpu())
        maps = _all_maps(scene, summary)
        stages = (
            ("segmentation", plan.segment, lambda: objects(scene, maps, truth)),
            ("faithfulness", plan.faithfulness, lambda: faithful(scene, maps, truth)),
            ("attack", plan.attack, lambda: reactions(scene, maps)),
        )
        for name, wanted, find in stages:
            summary[name] = _kept(out, name, find) if wanted else None
        summary["finished"] = now()
        write_json(out, "run.json", summary)
    return summary


def _kept(out: Path, name: str, find: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Return the result of a stage, from the run directory if an earlier run computed it."""
    found = read_json(out, f"{name}.json")
    if found is None:
        found = find()
        write_json(out, f"{name}.json", found)
    return dict(found)


def _begun(
    scene: Scene, asked: Mapping[str, str], notes: list[str], fresh: bool, truth: np.ndarray | None
) -> dict[str, Any]:
    """Return the record of the run, after a check that it agrees with what is in its directory."""
    model, samples, out = scene.look.model, scene.samples, scene.out
    assert isinstance(model, Classifier)  # noqa: S101
    make_place(out, no_run())
    made_of = {"model": model.fingerprint(), "data": fingerprint(samples), **scene.plan.told(),
               "truth": "" if truth is None else sha256(truth.tobytes()).hexdigest()}  # fmt: skip
    before = earlier(out, fresh=fresh, schema=SCHEMA)
    if fresh:
        for file in (*(out / "maps").glob("*.npy"), *(out / f"{name}.json" for name in STAGES)):
            file.unlink(missing_ok=True)
    if before is not None:
        check_same(before["made_of"], made_of, f"--out {out}")
    record = {
        **_record(scene, asked, made_of),
        "notes": notes,
        "started": (before or {}).get("started") or now(),
        "methods": (before or {}).get("methods", []),
    }
    write_json(out, "run.json", record)
    write_arrays(out / "images.npz", x=samples.x.cpu().numpy(), y=samples.y.cpu().numpy(),
                 ids=np.array(samples.ids))  # fmt: skip
    return record


def _record(scene: Scene, asked: Mapping[str, str], made_of: dict[str, Any]) -> dict[str, Any]:
    model, samples = scene.look.model, scene.samples
    assert isinstance(model, Classifier)  # noqa: S101
    return {
        "schema": SCHEMA,
        "made_of": made_of,
        "model": {"spec": asked.get("model", model.name), "name": model.name,
                  "sha256": made_of["model"], "n_classes": model.n_classes,
                  "classes": list(model.classes or samples.classes or ())},
        "data": {"spec": asked.get("data", samples.name), "name": samples.name,
                 "classes": list(samples.classes or model.classes or ()),
                 "n": len(samples.ids), "sha256": made_of["data"]},
        "target": scene.target.text,
        "command": asked.get("command", ""),
        "environment": environment(samples.x.device),
    }  # fmt: skip


def _samples(scene: Scene, logits: Tensor) -> list[dict[str, Any]]:
    """Return predictions, from ``logits`` (n, n_classes), and explained class of every image."""
    top = logits.softmax(1).topk(min(TOP, logits.shape[1]), 1)
    classes = scene.target.classes
    return [
        {"id": name, "label": int(label), "target": None if classes is None else int(classes[i]),
         "guesses": [{"class": int(c), "probability": float(p)} for p, c in
                     zip(top.values[i], top.indices[i], strict=True)]}
        for i, (name, label) in enumerate(zip(scene.samples.ids, scene.samples.y, strict=True))
    ]  # fmt: skip


def _all_maps(scene: Scene, summary: dict[str, Any]) -> Maps:
    """Return the maps of every method that applies, computed or read; each is stored at once."""
    known = {row["label"]: row for row in summary["methods"]}
    rows: list[dict[str, Any]] = []
    maps: Maps = {}
    for number, member in enumerate(scene.plan.methods):
        file = scene.out / "maps" / f"{file_name(member.label)}.npy"
        row = known.get(member.label)
        if row is None or not (row["refused"] or file.exists()):
            row = _made(scene, member, file)
        rows.append(row)
        if not row["refused"]:
            maps[member.label] = torch.from_numpy(np.load(file)).to(scene.look.x.device)
        summary["methods"] = rows
        write_json(scene.out, "run.json", summary)
        scene.progress("methods", number + 1, len(scene.plan.methods))
    if not maps:
        raise InapplicableError("; ".join(row["refused"] for row in rows), "try occlusion")
    return maps


def _made(scene: Scene, member: Member, file: Path) -> dict[str, Any]:
    """Compute and write the maps of one method; return their description."""
    name = member.label.partition(":")[0]
    row = {"label": member.label, "name": name, "options": member.options, "refused": "",
           "reduce": ABOUT[name].reduce, "signed": has_sign(name, ABOUT[name].reduce),
           "limits": ABOUT[name].limits, "layer": "", "seconds": 0.0}  # fmt: skip
    began = time.perf_counter()
    try:
        values = maps_at(scene.look, member)
    except InapplicableError as error:
        return {**row, "refused": str(error)}
    told = _completeness(scene, values, member) if name == "integrated_gradients" else {}
    file.parent.mkdir(exist_ok=True)
    write_array(file, values.float().cpu().numpy())
    height, width = values.shape[1:]
    return {**row, "layer": scene.look.layer if "cam" in name else "", "size": [height, width],
            "flat": int((values.flatten(1).abs().amax(1) == 0).sum()),
            "seconds": time.perf_counter() - began, **told}  # fmt: skip


def _completeness(scene: Scene, values: Tensor, member: Member) -> dict[str, Any]:
    """Return how far the sums of integrated gradients are from the differences of the score."""
    look = scene.look
    black = torch.full_like(look.x, member.options["baseline"])
    ends = [evaluate(look.objective, x, gradient=False).value for x in (look.x, black)]
    gap = (values.flatten(1).sum(1) - (ends[0] - ends[1])).abs()
    missed = gap > member.options["tolerance"] * (ends[0] - ends[1]).abs() + 1e-5
    return {"gap": float(gap.max()), "incomplete": int(missed.sum())}
