"""The Python face: load a model, load data, audit, attack. The command line calls the same."""

from collections.abc import Sequence
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import torch

from advkit.certifying import write_certificate
from advkit.data.samples import Samples, taken_relative
from advkit.data.specs import load_data
from advkit.errors import InputError, UnknownNameError, UsageError, did_you_mean
from advkit.evaluate.attack_plan import banded, planned
from advkit.evaluate.attack_run import attack as run_attack
from advkit.evaluate.audit import audit as run_audit
from advkit.evaluate.black_box_run import check_gradients
from advkit.evaluate.certify_run import certify as run_certify
from advkit.evaluate.pools import crew_of
from advkit.evaluate.smooth_run import certify_smoothed
from advkit.evaluate.suite import members_of
from advkit.evaluate.suites import SUITES
from advkit.models.classifier import Classifier
from advkit.models.specs import input_shape, load_model
from advkit.numbers import Relative, check_eps, decibels
from advkit.rendering import write_report

MODEL, DATA = "bundled:fashion-mnist-cnn-robust", "bundled:fashion-mnist"
BUNDLED_EPS = {
    "Linf": (0.05, 0.1, 0.15),
    "L2": (0.5, 1.0, 1.5),
    "L1": (5.0, 10.0, 15.0),
}
SPEECH_DB = (50.0, 40.0, 30.0)
"""The usual eps of sound: so many decibels below it."""
EPS = {
    "Linf": (2 / 255, 4 / 255, 8 / 255),
    "L2": (0.25, 0.5, 1.0),
    "L1": (3.0, 6.0, 12.0),
}


def audit(
    model: str | Classifier = MODEL,
    data: str | Samples | None = None,
    *,
    norm: str = "Linf",
    eps: float | Sequence[float] | None = None,
    limit: int | None = None,
    arch: str | None = None,
    device: str = "auto",
    command: str = "",
    out: str | Path | None = None,
    surrogates: Sequence[str | Classifier] = (),
    jobs: int | None = None,
    unit_seconds: float | None = None,
    ray: str | None = None,
    **options: Any,
) -> dict[str, Any]:
    """Audit a model on data; write the run directory ``out`` with its report.

    ``model`` and ``data`` are specs ('scheme:ref?key=value') or what `load_model` and `load_data`
    return; ``surrogates`` are other models, whose examples are tried on this one as a check. With
    specs, ``jobs`` of 2 or more are processes: one that is killed, or takes more than
    ``unit_seconds`` for one unit of work, costs that unit. ``ray`` is the address of a cluster.
    Returns the summary, the content of `run.json`, with the path of the report. ``options``
    (suite, attacks, seed, batch_size, fresh, progress, shard) are those of
    `advkit.evaluate.audit.audit`.
    Raises AdvkitError for what a person can mend.
    """
    radii = pick_eps(eps, norm, model, data)
    check_eps(radii, norm)
    _check_options(norm, jobs=jobs, **options)
    load: dict[str, Any] = {"model": model, "data": data, "limit": limit, "arch": arch}
    load["stream"] = True
    place = pick_device(device)
    samples, classifier = load_both(**load, device=place)
    samples = in_units(samples, radii)
    folder = Path(out) if out else new_run(str(model), samples.name)
    asked = asked_of(model, data, samples, command)
    others = [_another(other, samples) for other in surrogates]
    recipe = {"load": load, "relative": samples.relative}
    crew = crew_of(
        classifier, "advkit.working:audit_worker", recipe, place, jobs, unit_seconds, ray
    )
    summary = run_audit(
        classifier, samples, norm=norm, eps=radii, out=folder, asked=asked, surrogates=others,
        crew=crew, jobs=jobs, **options,
    )  # fmt: skip
    if "shard" in summary:
        return {**summary, "out": str(folder)}
    return {**summary, "out": str(folder), "report": str(write_report(folder))}


def attack(
    name: str,
    model: str | Classifier = MODEL,
    data: str | Samples | None = None,
    *,
    norm: str | None = None,
    eps: float | None = None,
    targets: str | None = None,
    restarts: int = 1,
    average: int = 0,
    transform: str = "noise",
    bfloat16: bool = False,
    band: tuple[float, float] | None = None,
    limit: int | None = None,
    arch: str | None = None,
    device: str = "auto",
    command: str = "",
    out: str | Path | None = None,
    jobs: int | None = None,
    unit_seconds: float | None = None,
    ray: str | None = None,
    **options: Any,
) -> dict[str, Any]:
    """Run the attack ``name``, with options 'name:key=value,...'; write the run directory ``out``.

    Without ``eps`` the nearest example of each image is sought. ``band`` (Hz) is of sound: the
    perturbation has these frequencies alone. The words between are those of
    `advkit.evaluate.attack_plan.planned`, ``options`` (seed, batch_size, fresh, progress) those of
    `advkit.evaluate.attack_run.attack`; the rest is as in `audit`. Returns the summary, the content
    of `run.json`, with the paths of the examples and of their table. Raises AdvkitError for what
    can be mended.
    """
    wanted: dict[str, Any] = {
        "text": name, "norm": norm, "eps": eps, "targets": targets, "restarts": restarts,
        "average": average, "transform": transform, "bfloat16": bfloat16,
    }  # fmt: skip
    plan, radii = planned(**wanted), () if eps is None else (eps,)
    check_eps(radii, plan.norm)
    _check_counts(jobs=jobs, **options)
    load: dict[str, Any] = {"model": model, "data": data, "limit": limit, "arch": arch}
    place = pick_device(device)
    samples, classifier = load_both(**load, device=place)
    check_gradients(classifier, [plan.member])
    samples = in_units(samples, radii)
    plan = banded(plan, band, samples.rate)
    folder = Path(out) if out else new_run(name, str(model), samples.name, kind="attack")
    asked = asked_of(model, data, samples, command)
    recipe = {
        "load": load,
        "relative": samples.relative,
        "plan": wanted,
        "band": band,
    }
    crew = crew_of(
        classifier, "advkit.working:attack_worker", recipe, place, jobs, unit_seconds, ray
    )
    summary = run_attack(classifier, samples, plan, out=folder, asked=asked, crew=crew, jobs=jobs,
                         **options)  # fmt: skip
    files = {"examples": str(folder / "examples.npz"), "table": str(folder / "table.csv")}
    return {**summary, "out": str(folder), **files}


def certify(
    model: str | Classifier = MODEL,
    data: str | Samples | None = None,
    *,
    norm: str | None = None,
    eps: float | Sequence[float] | None = None,
    smooth: float | None = None,
    limit: int | None = None,
    arch: str | None = None,
    command: str = "",
    out: str | Path | None = None,
    **options: Any,
) -> dict[str, Any]:
    """Prove for which samples no perturbation within eps exists; write ``out`` with its report.

    ``options`` (method, seconds, jobs, fresh, progress) are those of
    `advkit.evaluate.certify_run.certify`. With ``smooth`` the model smoothed by noise of this
    deviation is certified, in L2, with the options (draws, doubt, seed, ...) of
    `advkit.evaluate.smooth_run.certify_smoothed`. Returns the summary, the content of `run.json`,
    with the path of the report. Raises AdvkitError for what a person can mend.
    """
    norm = norm or ("Linf" if smooth is None else "L2")
    radii = pick_eps(eps, norm, model, data)
    check_eps(radii, norm)
    _check_counts(**options)
    if smooth is not None and norm != "L2":
        raise UsageError(
            f"smoothing certifies in L2, not in {norm}", "leave --norm out", code="E210"
        )
    samples, classifier = load_both(model, data, limit, arch, torch.device("cpu"), stream=True)
    folder = Path(out) if out else new_run(str(model), samples.name, kind="certify")
    asked = asked_of(model, data, samples, command)
    given: dict[str, Any] = {"eps": radii, "out": folder, "asked": asked, **options}
    if smooth is None:
        summary = run_certify(classifier, samples, norm=norm, **given)
    else:
        summary = certify_smoothed(classifier, samples, sigma=smooth, **given)
    return {**summary, "out": str(folder), "report": str(write_certificate(folder))}


def asked_of(
    model: str | Classifier, data: str | Samples | None, samples: Samples, command: str
) -> dict[str, str]:
    """Return the words of a request, for the record of a run."""
    return {
        "model": model if isinstance(model, str) else model.name,
        "data": data if isinstance(data, str) else samples.name,
        "command": command,
    }


def load_both(
    model: str | Classifier,
    data: str | Samples | None,
    limit: int | None,
    arch: str | None,
    device: torch.device,
    *,
    stream: bool = False,
) -> tuple[Samples, Classifier]:
    """Load data at the size that the model wants, then the model for the classes of the data.

    ``stream`` is for callers that take a few samples at a time: see `load_data`.
    """
    if data is None:
        data = own_data(model)
    shape = input_shape(model) if isinstance(model, str) else model.shape
    samples = (
        data
        if isinstance(data, Samples)
        else load_data(data, limit=limit, shape=shape, stream=stream)
    )
    if isinstance(model, str):
        model = load_model(model, arch=arch, classes=samples.classes)
    moved = samples._replace(x=samples.x.to(device), y=samples.y.to(device))
    return moved, model.to(device)


def _another(model: str | Classifier, samples: Samples) -> Classifier:
    other = load_model(model, classes=samples.classes) if isinstance(model, str) else model
    return other.to(samples.x.device)


def own_data(model: str | Classifier) -> str:
    """Return the spec of the images that a bundled model comes with; raises UsageError."""
    name = model if isinstance(model, str) else model.name
    for own in ("digits", "spoken-digits"):
        if name.startswith(f"bundled:{own}"):
            return f"bundled:{own}"
    if name.startswith("bundled:"):
        return DATA
    raise UsageError(
        f"--model {name} comes without images", "say on what: --data imagefolder:DIR", code="E204"
    )


def _check_options(
    norm: str,
    suite: str = "standard",
    attacks: Sequence[str] = (),
    **others: Any,
) -> None:
    """Raise UsageError for what can be known to be wrong before anything is loaded."""
    if suite not in SUITES:
        raise UnknownNameError(f"there is no suite {suite!r}", did_you_mean(suite, SUITES))
    if isinstance(attacks, str):
        raise UsageError(f"attacks={attacks!r} is one string", "give a list of attacks")
    members_of(attacks, norm)
    _check_counts(**others)


def _check_counts(batch_size: int | None = None, jobs: int | None = None, **_others: Any) -> None:
    if any(number is not None and number < 1 for number in (batch_size, jobs)):
        raise UsageError(f"batch_size={batch_size}, jobs={jobs}", "give 1 or more", code="E203")


def in_units(samples: Samples, eps: Sequence[float]) -> Samples:
    """Return the samples, taken relative where ``eps`` are in decibels; raises UsageError."""
    relative = {isinstance(e, Relative) for e in eps}
    if len(relative) > 1:
        raise UsageError(
            "some eps are in decibels and some are not", "give all of one kind", code="E208"
        )
    return taken_relative(samples) if relative == {True} else samples


def sounds(model: str | Classifier, data: str | Samples | None) -> bool:
    """Return whether what is attacked is sound, as far as the names say."""
    if isinstance(data, Samples):
        return data.rate is not None
    name = data or (model if isinstance(model, str) else model.name)
    return name.startswith(("audio:", "bundled:spoken"))


def pick_eps(
    eps: float | Sequence[float] | None,
    norm: str,
    model: str | Classifier,
    data: str | Samples | None = None,
) -> tuple[float, ...]:
    """Return the radii in rising order, the usual ones where none are given; raises UsageError."""
    if norm not in EPS:
        raise UnknownNameError(f"there is no norm {norm!r}", did_you_mean(norm, EPS))
    if eps is None and sounds(model, data):
        return tuple(decibels(below) for below in SPEECH_DB)
    if eps is None:
        name = model if isinstance(model, str) else model.name
        return (BUNDLED_EPS if name.startswith("bundled:") else EPS)[norm]
    if isinstance(eps, str):
        raise UsageError(
            f"eps={eps!r} is a string", "give a number or several: [4 / 255, 8 / 255]", code="E203"
        )
    found = [eps] if isinstance(eps, int | float) else eps
    if not len(found):
        raise UsageError(
            "eps is empty", "give a number or several: [4 / 255, 8 / 255]", code="E203"
        )
    return tuple(sorted({e if isinstance(e, Relative) else float(e) for e in found}))


def pick_device(name: str) -> torch.device:
    """Return the device called ``name``; ``auto`` is CUDA where there is one, else the CPU."""
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.zeros(1, device=device).item()
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        here = ["cpu", *(f"cuda:{i}" for i in range(torch.cuda.device_count()))]
        raise InputError(
            f"--device {name} is not on this machine",
            f"there is: {', '.join(here)}",
            code="E310",
        ) from error
    return device


def new_run(*about: str, kind: str = "audit") -> Path:
    """Return a new run directory under ``runs/``, named by time, command and a short hash."""
    stamp = datetime.now(UTC)
    tag = sha256(repr((about, stamp.isoformat())).encode()).hexdigest()[:6]
    return Path("runs") / f"{stamp:%Y%m%dT%H%M%S}-{kind}-{tag}"


__all__ = [
    "attack",
    "audit",
    "certify",
    "load_data",
    "load_model",
    "new_run",
    "pick_device",
]
