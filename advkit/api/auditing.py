"""The Python interface of `advkit audit` and `advkit attack`."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from advkit.api.checking import (
    check_choice,
    check_list,
    check_numbers,
    check_words,
    text_of_attack,
    text_of_targets,
)
from advkit.api.pairing import loaded_for
from advkit.api.request import (
    EPS,
    asked_of,
    in_units,
    load_both,
    model_for,
    new_run,
    pick_device,
    pick_eps,
)
from advkit.bounds.proof_methods import WAYS
from advkit.data.python_data import Data
from advkit.data.samples import Samples
from advkit.errors import UnknownNameError, did_you_mean
from advkit.evaluate.attack_plan import banded, planned
from advkit.evaluate.attack_run import attack as run_attack
from advkit.evaluate.audit import audit as run_audit
from advkit.evaluate.black_box_run import check_gradients
from advkit.evaluate.suite import members_of
from advkit.evaluate.suites import SUITES
from advkit.evaluate.worker_pools import check_crew, crew_of
from advkit.models.classifier import Classifier
from advkit.norm_names import norm_named
from advkit.numbers import check_eps, radius_of
from advkit.pages.audits import write_report


def audit(
    model: str | Classifier | None = None,
    data: Data | None = None,
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
    return; ``data`` may also be arrays (x, y), a PyTorch data set or its loader. As a check,
    examples made for the models ``surrogates`` are tried on this one. With specs, ``jobs`` of 2 or
    more are processes: one that is killed, or takes more than ``unit_seconds`` for one unit of
    work, costs that unit only. ``ray`` is the address of a cluster. Returns the summary, the
    content of `run.json`, with the path of the report. ``options`` (suite, attacks, seed,
    batch_size, fresh, progress, shard) are those of `advkit.evaluate.audit.audit`. Raises
    AdvkitError for errors that the user can fix.

    >>> found = advkit.audit("bundled:digits-cnn", norm="L2", eps=[1, 4], suite="quick", limit=10)
    >>> found["clean"]["value"], [(row["eps"], row["value"]) for row in found["robust"]]
    (1.0, [(1.0, 0.1), (4.0, 0.0)])
    >>> found["report"].endswith("report.html")
    True
    """
    model, norm = model_for(model, data), norm_named(norm, EPS)
    radii = pick_eps(eps, norm, model, data)
    check_eps(radii, norm)
    _check_options(
        norm, surrogates=surrogates, jobs=jobs, unit_seconds=unit_seconds, limit=limit, **options
    )
    load: dict[str, Any] = {"model": model, "data": data, "limit": limit, "arch": arch,
                            "stream": True}  # fmt: skip
    check_crew(load, jobs, unit_seconds, ray)
    place = pick_device(device)
    samples, classifier = load_both(**load, device=place)
    samples = in_units(samples, radii)
    folder = Path(out) if out else new_run(str(model), samples.name)
    asked = asked_of(model, data, samples, command)
    others = [_another(other, samples) for other in surrogates]
    recipe = {"load": load, "relative": samples.relative}
    crew = crew_of(
        classifier, "advkit.api.worker_setup:audit_worker", recipe, place, jobs, unit_seconds, ray
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
    model: str | Classifier | None = None,
    data: Data | None = None,
    *,
    norm: str | None = None,
    eps: float | None = None,
    targets: str | int | None = None,
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

    Without ``eps`` the nearest example of each image is sought. ``band`` (Hz), for sound, limits
    the frequencies of the perturbation. The parameters between are those of
    `advkit.evaluate.attack_plan.planned`, ``options`` (seed, batch_size, fresh, progress, announce)
    those of `advkit.evaluate.attack_run.attack`; the others are those of `audit`. Returns the
    summary, the content of `run.json`, with the paths of the examples and of their table. Raises
    AdvkitError for errors that the user can fix.

    >>> found = advkit.attack("ddn:steps=20", "bundled:digits-cnn", limit=10)
    >>> print(found["verdict"])
    Of 10 images the model classifies 100.0% correctly; of the 10 attacked, at any distance, 100.0%
    are fooled (95% interval 72.2% to 100.0%); the median L2 size is 0.6255.
    >>> found["examples"].endswith("examples.npz")
    True
    """
    eps = None if eps is None else radius_of(eps)
    name, targets = text_of_attack(name), text_of_targets(targets)
    wanted: dict[str, Any] = {
        "text": name, "norm": norm, "eps": eps, "targets": targets, "restarts": restarts,
        "average": average, "transform": transform, "bfloat16": bfloat16,
    }  # fmt: skip
    plan, radii = planned(**wanted), () if eps is None else (eps,)
    check_eps(radii, plan.norm)
    model = model_for(model, data)
    check_words(run_attack, options)
    check_numbers(jobs=jobs, unit_seconds=unit_seconds, limit=limit, **options)
    load: dict[str, Any] = {"model": model, "data": data, "limit": limit, "arch": arch,
                            "stream": True}  # fmt: skip
    check_crew(load, jobs, unit_seconds, ray)
    place = pick_device(device)
    samples, classifier = load_both(**load, device=place)
    check_gradients(classifier, [plan.member])
    samples = in_units(samples, radii)
    plan = banded(plan, band, samples.rate)
    folder = Path(out) if out else new_run(name, str(model), samples.name, kind="attack")
    asked = asked_of(model, data, samples, command)
    recipe = {"load": load, "relative": samples.relative, "plan": wanted, "band": band}
    crew = crew_of(
        classifier, "advkit.api.worker_setup:attack_worker", recipe, place, jobs, unit_seconds, ray
    )
    summary = run_attack(classifier, samples, plan, out=folder, asked=asked, crew=crew, jobs=jobs,
                         **options)  # fmt: skip
    files = {"examples": str(folder / "examples.npz"), "table": str(folder / "table.csv")}
    return {**summary, "out": str(folder), **files}


def _another(model: str | Classifier, samples: Samples) -> Classifier:
    return loaded_for(samples, model).to(samples.x.device)


def _check_options(
    norm: str,
    suite: str = "standard",
    attacks: Sequence[str] = (),
    bounds: str = "auto",
    surrogates: Sequence[str | Classifier] = (),
    unit_seconds: float | None = None,
    limit: int | None = None,
    **others: Any,
) -> None:
    """Raise UsageError for invalid options before anything is loaded."""
    if suite not in SUITES:
        raise UnknownNameError(f"there is no suite {suite!r}", did_you_mean(suite, SUITES))
    check_list("attacks", attacks)
    members_of(attacks, norm)
    check_choice("bounds", bounds, WAYS)
    check_list("surrogates", surrogates)
    check_words(run_audit, others)
    check_numbers(unit_seconds=unit_seconds, limit=limit, **others)
