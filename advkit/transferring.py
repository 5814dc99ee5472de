"""From specs to a study of transfer, and from its run directory to its page."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple
from zipfile import BadZipFile

import numpy as np
import torch

from advkit.api import new_run, pick_device, pick_eps
from advkit.benchmarks.independent_nets import Plan, loaded, plan_nets, trained
from advkit.benchmarks.likeness import PREDICTORS
from advkit.benchmarks.transfer import ATTACKS_OF_STUDY, NOISE, transfer
from advkit.benchmarks.transfer_runs import Net
from advkit.data.samples import Samples
from advkit.data.specs import load_data
from advkit.errors import InputError, UsageError
from advkit.evaluate.run_folder import read_json, write_text
from advkit.evaluate.workers import default_jobs
from advkit.models.specs import input_shape, load_model
from advkit.numbers import check_eps
from advkit.reports import transfer_page
from advkit.reports.tables import Interval
from advkit.reports.transfer_tables import (
    Between,
    Method,
    NetRow,
    OneImage,
    Predictor,
    Transfer,
)

TRAIN, TEST = "bundled:digits?split=train", "bundled:digits"
ARCHITECTURES = ("logistic", "mlp", "cnn", "resnet", "vit")
EPS = {"Linf": (0.1, 0.2, 0.3), "L2": (0.5, 1.0, 1.5), "L1": (3.0, 6.0, 9.0)}
IMAGES = 30_000
"""So many images, counted in every epoch, a net sees while it is trained, if nobody says."""


class Training(NamedTuple):
    """Which nets to train, and how."""

    architectures: Sequence[str] = ARCHITECTURES
    robust: Sequence[str] = ("cnn",)
    """Architectures that are trained against perturbations too."""
    robust_eps: float | None = None
    seeds: int = 2
    split: str = "disjoint"
    data: str = TRAIN
    epochs: int | None = None
    batch_size: int = 64
    folder: Path = Path("runs/nets")


def study(
    models: Sequence[str] = (),
    data: str | None = None,
    *,
    training: Training | None = None,
    norm: str = "Linf",
    eps: Sequence[float] | None = None,
    limit: int | None = 200,
    device: str = "auto",
    jobs: int | None = None,
    out: Path | None = None,
    command: str = "",
    attacks: Sequence[str] = (),
    progress: Callable[[str, int, int], None] = lambda _what, _done, _total: None,
    **options: Any,
) -> dict[str, Any]:
    """Study transfer between ``models``, or between nets trained for it; write page and tables.

    Returns the summary, the content of `run.json`, with the path of the report. ``options``
    (steps, targets, every, seed, batch_size, fresh) are those of
    `advkit.benchmarks.transfer.transfer`. Raises AdvkitError for what a person can mend.
    """
    where = pick_device(device)
    if models:
        if data is None:
            raise UsageError("--model comes without images", "say on what: --data imagefolder:DIR")
        radii = eps or pick_eps(None, norm, models[0])
        check_eps(radii, norm)
        nets, samples, told = _given(models, data, limit, where), None, ""
    else:
        radii = eps or EPS[norm]
        check_eps(radii, norm)
        nets, samples, told = _trained(training or Training(), data, norm, radii, limit, where,
                                       jobs or default_jobs(where), progress)  # fmt: skip
    samples = samples or _samples_for(models, data or TEST, limit, where)
    folder = out or new_run(*models, samples.name, kind="transfer")
    asked = {"data": data or samples.name, "training": told, "command": command}
    chosen = attacks or ATTACKS_OF_STUDY
    summary = transfer(nets, samples, attacks=chosen, norm=norm, eps=radii, jobs=jobs, out=folder,
                       asked=asked, progress=progress, **options)  # fmt: skip
    return {**summary, "out": str(folder), "report": str(write_page(folder))}


def _given(models: Sequence[str], data: str, limit: int | None, device: torch.device) -> list[Net]:
    classes = _samples_for(models, data, limit, device).classes
    loaded_nets = [load_model(spec, classes=classes).to(device) for spec in models]
    return [Net(spec, _family(spec), net) for spec, net in zip(models, loaded_nets, strict=True)]


def _family(spec: str) -> str:
    """Return what the architecture of a given model is called: its spec without options."""
    return spec.partition("?")[0].rpartition(":")[2]


def _samples_for(
    models: Sequence[str], data: str, limit: int | None, device: torch.device
) -> Samples:
    """Return the images at the size that the first model wants that says one."""
    shapes = [shape for shape in map(input_shape, models) if shape]
    samples = load_data(data, limit=limit, shape=shapes[0] if shapes else None)
    return samples._replace(x=samples.x.to(device), y=samples.y.to(device))


def _trained(
    training: Training, data: str | None, norm: str, radii: Sequence[float], limit: int | None,
    device: torch.device, jobs: int, progress: Callable[[str, int, int], None],
) -> tuple[list[Net], Samples, str]:  # fmt: skip
    if data is not None and training.data == TRAIN and not data.startswith("bundled:digits"):
        raise UsageError(f"--data {data} says on what to attack, not on what to train",
                         "add --train-data, or give nets: --model A --model B")  # fmt: skip
    samples, images = _samples_for((), data or TEST, limit, device), load_data(training.data)
    if samples.x.shape[1:] != images.x.shape[1:]:
        raise InputError(f"{images.name} has images of {tuple(images.x.shape[1:])}, "
                         f"{samples.name} of {tuple(samples.x.shape[1:])}",
                         "give both at one size (?size=)")  # fmt: skip
    plans, robust = plans_of(training, len(images.ids), norm, radii)
    files = trained([*plans, *robust], images, training.folder, jobs=jobs, progress=progress)
    nets = [
        Net(plan.name, plan.name.rpartition(" ")[0], model, robust=at >= len(plans))
        for at, (plan, model) in enumerate(zip([*plans, *robust],
                                               loaded([*plans, *robust], files, device),
                                               strict=True))
    ]  # fmt: skip
    part = f"its own {1}/{training.seeds} of" if training.split == "disjoint" else "all of"
    return nets, samples, f"{len(nets)} nets, each on {part} {images.name}"


def plans_of(
    training: Training, n: int, norm: str, radii: Sequence[float]
) -> tuple[list[Plan], list[Plan]]:
    """Return the nets that are trained as usual on ``n`` images, and those against attacks."""
    each = n // training.seeds if training.split == "disjoint" else n
    epochs = training.epochs or min(max(IMAGES // max(each, 1), 5), 40)
    usual = {"epochs": epochs, "batch_size": training.batch_size, "norm": norm}
    plans = plan_nets(n, training.architectures, training.seeds, split=training.split, **usual)
    if not training.robust or norm not in ("Linf", "L2"):
        return plans, []
    against = radii[len(radii) // 2] if training.robust_eps is None else training.robust_eps
    robust = plan_nets(n, training.robust, training.seeds, split=training.split, **usual,
                       eps=against, warm_up=min(5.0, epochs / 2))  # fmt: skip
    return plans, [plan._replace(name=f"robust {plan.name}") for plan in robust]


def write_page(folder: Path) -> Path:
    """Write `report.html` into the run directory of a study; return its path."""
    return write_text(folder, "report.html", transfer_page(study_of(folder)))


def study_of(folder: Path) -> Transfer:
    """Return what the run directory of a finished study holds; raises InputError."""
    run = read_json(folder, "run.json") or {}
    if "verdict" not in run:
        raise InputError(f"{folder} holds no finished study of transfer", "run advkit transfer")
    at = {point["attack"]: [] for point in run["curves"]}  # type: dict[str, list[Any]]
    for point in run["curves"]:
        at[point["attack"]].append((point["eps"], _interval(point["success"])))
    clean = {row["name"]: _interval(row) for row in run["clean"]}
    cells = [(row["targeted"], Between(row["source"], row["target"], _cell(row)))
             for row in run["cells"] if row["attack"] == run["shown"]]  # fmt: skip
    return Transfer(
        noise=NOISE,
        eps=run["main_eps"],
        nets=[NetRow(net["name"], net["family"], clean[net["name"]], net["source"], net["robust"])
              for net in run["nets"]],
        methods=[_method(row) for row in run["ranked"]],
        cells=[cell for targeted, cell in cells if not targeted],
        targeted=[cell for targeted, cell in cells if targeted],
        curves=at,
        itself=[(row["eps"], _interval(row["success"])) for row in run["itself"]],
        by_target=[(row["name"], _interval(row["success"])) for row in run["by_target"]],
        by_source=[(row["name"], _interval(row["success"])) for row in run["by_source"]],
        robust_gap=[(row["sources"], row["targets"], _interval(row["success"]))
                    for row in run["robust_gap"]],
        predictors=[Predictor(row["name"], PREDICTORS[row["name"]], row["rho"], row["p"],
                              row["pairs"]) for row in run["predictors"]],
        points=[(row["source"], row["target"], bool(row["family"]), row["gradient"],
                 row["success"]) for row in run["scatter"] if row["gradient"] is not None],
        ensembles=[(row["sources"], _interval(row["success"])) for row in run["ensembles"]],
        image=_one_image(folder, run["classes"]),
        **{name: run[name] for name in (
            "verdict", "shown", "norm", "data", "training", "seed", "steps", "targets", "command",
            "environment", "notes", "started", "finished", "findings")},
    )  # fmt: skip


def _interval(share: Mapping[str, Any]) -> Interval:
    return Interval(**{name: share[name] for name in Interval.__dataclass_fields__})


def _cell(row: Mapping[str, Any]) -> Interval:
    return Interval(row["success"], row["low"], row["high"], row["count"], row["n"])


def _method(row: Mapping[str, Any]) -> Method:
    shares = {name: _interval(row[name]) if row[name] else None
              for name in ("success", "white_box", "targeted")}  # fmt: skip
    rest = {name: row[name] for name in ("attack", "same_class", "same_by_chance", "forwards",
                                         "backwards")}  # fmt: skip
    return Method(**shares, **rest)  # type: ignore[arg-type]


def _one_image(folder: Path, classes: Sequence[str]) -> OneImage | None:
    told = read_json(folder, "one_image.json")
    if not told:
        return None
    try:
        with np.load(folder / "one_image.npz", allow_pickle=False) as saved:
            clean, adversarial = saved["clean"], saved["adversarial"]
    except (OSError, EOFError, ValueError, KeyError, BadZipFile) as error:
        raise InputError(f"{folder / 'one_image.npz'} is missing or damaged") from error
    if clean.ndim != 3:
        return None

    def name(index: int) -> str:
        return classes[index] if index < len(classes) else f"class {index}"

    return OneImage(
        sample=told["sample"],
        label=name(told["label"]),
        clean=clean.transpose(1, 2, 0),
        adversarial=[each.transpose(1, 2, 0) for each in adversarial],
        sources=told["sources"],
        nets=told["nets"],
        said=[[name(index) for index in row] for row in told["said"]],
        fooled=told["fooled"],
    )
