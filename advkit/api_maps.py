"""The Python face of maps: explain a model, and tell what its layers are called."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from advkit.api import MODEL, asked_of, load_both, new_run, pick_device
from advkit.data.masks import read_masks
from advkit.data.samples import Samples
from advkit.engine.layers import outline
from advkit.errors import UsageError
from advkit.evaluate.explain_plan import USUAL
from advkit.evaluate.explain_plan import planned as planned_maps
from advkit.evaluate.explain_run import explain as run_explain
from advkit.explaining import beliefs_of, verdict, write_explanation
from advkit.insight.grids import grid_of
from advkit.insight.looking import root_of
from advkit.models.classifier import Classifier
from advkit.models.probe import probe
from advkit.models.specs import input_shape, load_model
from advkit.numbers import check_eps


def explain(
    model: str | Classifier = MODEL,
    data: str | Samples | None = None,
    *,
    methods: Sequence[str] = USUAL,
    target: str = "predicted",
    layer: str = "",
    segment: bool = False,
    faithfulness: bool = False,
    attack: str = "pgd",
    eps: float | None = None,
    norm: str = "Linf",
    seed: int = 0,
    limit: int | None = 8,
    truth: str | None = None,
    arch: str | None = None,
    device: str = "auto",
    command: str = "",
    out: str | Path | None = None,
    **options: Any,
) -> dict[str, Any]:
    """Map where ``model`` looks in the first ``limit`` images; write the run directory ``out``.

    The words up to ``seed`` are those of `advkit.evaluate.explain_plan.planned`; ``truth`` is an
    npz file with ``masks`` (n, height, width); ``options`` (fresh, progress) are those of
    `advkit.evaluate.explain_run.explain`. Returns the summary, the content of `run.json`, with the
    paths of the maps and of the page. Raises AdvkitError for what can be mended.
    """
    plan = planned_maps(methods, target=target, layer=layer, segment=segment, eps=eps, norm=norm,
                        faithfulness=faithfulness, attack=attack, seed=seed)  # fmt: skip
    check_eps(() if eps is None else (eps,), norm)
    samples, classifier = load_both(model, data, limit, arch, pick_device(device))
    folder = Path(out) if out else new_run(str(model), samples.name, kind="explain")
    masks = read_masks(truth, samples) if truth else None
    summary = run_explain(classifier, samples, plan, out=folder, truth=masks,
                          asked=asked_of(model, data, samples, command), **options)  # fmt: skip
    page = write_explanation(folder)
    told = verdict(summary, beliefs_of(summary["faithfulness"]))
    return {**summary, "verdict": told, "out": str(folder), "maps": str(folder / "maps"),
            "report": str(page)}  # fmt: skip


def describe_model(
    spec: str, *, arch: str | None = None, shape: str | None = None, layers: bool = False
) -> dict[str, Any]:
    """Return what the model is made of; with ``layers`` each call of a layer in one pass.

    ``shape`` (C,H,W as text) is for models that do not say what they take. Raises AdvkitError.
    """
    model = load_model(spec, arch=arch)
    size = _shape(shape) if shape else model.shape or input_shape(spec)
    if size is None:
        raise UsageError(f"{spec} does not say what images it takes", "add --shape 3,224,224")
    x = torch.full((1, *size), 0.5)
    probe(model, x, torch.zeros(1, dtype=torch.int64))
    found: dict[str, Any] = {
        "name": model.name, "shape": list(size), "n_classes": model.n_classes,
        "parameters": sum(weight.numel() for weight in model.parameters()),
    }  # fmt: skip
    if layers:
        calls = outline(model, root_of(model), x)
        found["layers"] = [
            {**call._asdict(), "map": str(grid_of(call.shape, size) or "")} for call in calls
        ]
    return found


def _shape(text: str) -> tuple[int, ...]:
    try:
        size = tuple(int(part) for part in text.split(","))
    except ValueError:
        size = ()
    if not size or min(size) < 1:
        raise UsageError(f"--shape {text} is not possible", "write 3,224,224")
    return size
