"""The Python interface of `advkit inspect`: diagnostics of a model on its data."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from advkit.api.pairing import paired
from advkit.api.request import name_of, own_data, pick_device, pick_eps
from advkit.data.python_data import Data
from advkit.data.samples import Samples
from advkit.engine.layers import outline
from advkit.errors import UsageError
from advkit.evaluate.class_names import other_order
from advkit.evaluate.subject import LARGE
from advkit.evaluate.workers import one_thread_each
from advkit.insight.grids import grid_of
from advkit.insight.method_input import root_of
from advkit.inspection.class_order import class_order
from advkit.inspection.cost import audits, cost, fits
from advkit.inspection.findings import Finding, advice_of, explained
from advkit.inspection.input_gradients import slopes
from advkit.inspection.output_checks import (
    in_company,
    outputs,
    repeated,
    side_effects,
    training_mode,
)
from advkit.inspection.preprocessing import above_chance, judged, rows_of, tried
from advkit.models.classifier import Classifier
from advkit.models.probe import output_kind, probe
from advkit.models.specs import input_shape, load_model

LIMIT, FEW, MANY = 256, 32, 1000
"""Images that are read; of those, images for gradient checks; images of a cost estimate."""


def inspect(
    model: str | Classifier,
    data: Data | None = None,
    *,
    arch: str | None = None,
    shape: str | None = None,
    limit: int | None = LIMIT,
    device: str = "auto",
    layers: bool = False,
    checks: bool = True,
    progress: Callable[[str, int, int], None] = lambda *_: None,
) -> dict[str, Any]:
    """Return properties of the model, checks of it on ``data``, and advice.

    Without ``data`` a bundled model is checked on its own images, another on noise of ``shape``
    (C,H,W as text). ``layers`` adds every call of a layer in a pass; without ``checks`` nothing is
    measured. `docs/inspect.md` describes every field. Raises AdvkitError for errors that the user
    can fix.

    >>> found = advkit.inspect("bundled:digits-cnn", limit=50)
    >>> found["outputs"], found["parameters"], found["advice"]
    ('logits', 53002, [])
    """
    name_of(model)
    place = pick_device(device)
    data = _own(model, checks) if data is None else data
    size = _asked(shape) if shape else _wanted(model)
    if size is None and data is None and isinstance(model, str):
        model = load_model(model, arch=arch)
        size = model.shape
    if not checks:
        data = _grey(model, size)
    elif data is None:
        data = _noise(model, size)
    samples, model = paired(model, data, limit, arch, size)
    model, x, y = model.to(place), samples.x.to(place), samples.y.to(place)
    labelled = checks and samples.name != NOISE
    notes = [*samples.notes, *probe(model, x, y)]
    found: dict[str, Any] = {
        "name": model.name, "data": samples.name if checks else None, "n": len(x),
        "shape": list(x.shape[1:]), "n_classes": model.n_classes,
        "classes": list(model.classes or samples.classes or ()), "notes": notes,
        "parameters": sum(weight.numel() for weight in model.parameters()),
        "dtypes": sorted({str(p.dtype).removeprefix("torch.") for p in model.parameters()}),
        "mean": _listed(model.mean), "std": _listed(model.std),
    }  # fmt: skip
    if checks:
        with one_thread_each():
            moved = samples._replace(x=x, y=y)
            found |= _checked(model, moved, labelled, limit, progress)
    return found | ({"layers": _layers(model, x[:1])} if layers else {})


def _checked(
    model: Classifier, samples: Samples, labelled: bool, limit: int | None,
    progress: Callable[[str, int, int], None],
) -> dict[str, Any]:  # fmt: skip
    x, y = samples.x, samples.y
    few = x[: FEW if x[0].numel() < LARGE else FEW // 4]
    with torch.no_grad():
        logits = torch.cat([model(some) for some in torch.split(x, 64)])
    labels = y if labelled else logits.argmax(1)
    found: dict[str, Any] = {"outputs": output_kind(model, logits)}
    findings: list[Finding] = [outputs(found["outputs"], logits)]
    if labelled:
        accuracy, extra = _accuracy(model, samples, logits, progress)
        found |= accuracy
        findings += extra
    steps = (repeated, in_company, training_mode, side_effects)
    for done, look in enumerate(steps, 1):
        findings.append(look(model, few))
        progress("answers", done, len(steps))
    of_slope, found["gradient"] = slopes(model, few, labels[: len(few)], samples.rate is not None)
    progress("gradients", 1, 2)
    found["cost"] = cost(model, x, labels)
    images = len(x) if labelled and (limit is None or len(x) < limit) else MANY
    found["audits"] = audits(model, samples._replace(y=labels), images,
                             pick_eps(None, "Linf", model, samples))  # fmt: skip
    progress("gradients", 2, 2)
    findings += [*of_slope, fits(found["cost"])]
    rows = [each._asdict() for each in findings]
    return found | {"findings": rows, "advice": advice_of(findings)}


def _accuracy(
    model: Classifier, samples: Samples, logits: Tensor,
    progress: Callable[[str, int, int], None],
) -> tuple[dict[str, Any], list[Finding]]:  # fmt: skip
    many = len(samples.x) if samples.x[0].numel() < LARGE else min(len(samples.x), 64)
    results = []
    for result in tried(model, samples.x[:many], samples.y[:many]):
        results.append(result)
        progress("preprocessing", len(results), 0)
    rows, (best, found) = rows_of(results), judged(results)
    chance = above_chance(rows[0], samples.y[:many])
    names = model.classes or samples.classes or ()
    order, share = class_order(
        logits.argmax(1).cpu().numpy(), samples.y.cpu().numpy(), model.n_classes, names,
        named=other_order(model, samples),
    )  # fmt: skip
    found, order = explained(found, rows[best]["value"], order, share)
    told = {"accuracy": rows[0], "preprocessing": rows, "best": rows[best]["name"]}
    return told, [found, order, chance]


NOISE = "noise"


def _own(model: str | Classifier, checks: bool) -> str | None:
    return own_data(model) if checks and name_of(model).startswith("bundled:") else None


def _noise(model: str | Classifier, size: tuple[int, ...] | None) -> Samples:
    if size is None:
        raise _no_size(model)
    dice = torch.Generator().manual_seed(0)
    x = torch.rand((FEW, *size), generator=dice)
    ids = tuple(map(str, range(FEW)))
    return Samples(x, torch.zeros(FEW, dtype=torch.int64), ids, None, NOISE)


def _grey(model: str | Classifier, size: tuple[int, ...] | None) -> Samples:
    if size is None:
        raise _no_size(model)
    return Samples(torch.full((1, *size), 0.5), torch.zeros(1, dtype=torch.int64), ("0",), None, "")


def _no_size(model: str | Classifier) -> UsageError:
    return UsageError(f"{name_of(model)} does not say what images it takes",
                      "add --data, or --shape 3,224,224", code="E204")  # fmt: skip


def _wanted(model: str | Classifier) -> tuple[int, ...] | None:
    return input_shape(model) if isinstance(model, str) else model.shape


def _asked(text: str) -> tuple[int, ...]:
    try:
        size = tuple(int(part) for part in text.split(","))
    except ValueError:
        size = ()
    if not size or min(size) < 1:
        raise UsageError(f"--shape {text} is not possible", "write 3,224,224", code="E203")
    return size


def _listed(values: Tensor | None) -> list[float] | None:
    return None if values is None else values.tolist()


def _layers(model: Classifier, x: Tensor) -> list[dict[str, Any]]:
    calls = outline(model, root_of(model), x)
    size = tuple(x.shape[1:])
    return [{**call._asdict(), "map": str(grid_of(call.shape, size) or "")} for call in calls]
