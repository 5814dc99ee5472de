"""The Python interface of `advkit transfer`: the transfer study from specs to its page."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from advkit.api.checking import check_choice, check_list, check_numbers, check_words
from advkit.api.pairing import paired
from advkit.api.request import name_of, new_run, own_data, pick_device, pick_eps
from advkit.api.transfer_nets import Training, given_nets, trained_nets
from advkit.benchmarks.query_surrogates import Budget, audit_by_labels
from advkit.benchmarks.transfer import ATTACKS_OF_STUDY, members_of
from advkit.benchmarks.transfer import transfer as run_transfer
from advkit.data.python_data import Data
from advkit.data.samples import Samples, moved, take
from advkit.data.specs import load_data
from advkit.errors import UsageError
from advkit.evaluate.workers import default_jobs
from advkit.models.classifier import Classifier
from advkit.models.specs import input_shape
from advkit.norm_names import norm_named
from advkit.numbers import check_eps, radii_of
from advkit.pages.transfers import write_page, write_query_page

AIMS = ("random", "least_likely", "second")
EPS = {"Linf": (0.1, 0.2, 0.3), "L2": (0.5, 1.0, 1.5)}


def transfer(
    models: Sequence[str | Classifier] = (),
    data: Data | None = None,
    *,
    training: Training | None = None,
    norm: str = "Linf",
    eps: Sequence[float] | None = None,
    limit: int | None = 200,
    device: str = "auto",
    jobs: int | None = None,
    out: str | Path | None = None,
    command: str = "",
    attacks: Sequence[str] = (),
    progress: Callable[[str, int, int], None] = lambda _what, _done, _total: None,
    **options: Any,
) -> dict[str, Any]:
    """Study transfer between ``models``, or between nets trained for it; write page and tables.

    Returns the summary, the content of `run.json`, with the path of the report. ``options`` (steps,
    targets, every, seed, batch_size, fresh) are those of `advkit.benchmarks.transfer.transfer`.
    Raises AdvkitError for errors that the user can fix.

    >>> nets = ["bundled:fashion-mnist-cnn", "bundled:fashion-mnist-logistic"]
    >>> found = advkit.transfer(nets, "bundled:fashion-mnist", attacks=["pgd"], limit=20)
    >>> [(row["attack"], row["success"]["count"], row["success"]["n"]) for row in found["ranked"]]
    [('noise:draws=1', 3, 36), ('pgd', 12, 36)]
    """
    check_words(run_transfer, options)
    check_list("models", models)
    check_list("attacks", attacks)
    check_numbers(jobs=jobs, **options)
    norm = norm_named(norm, EPS)
    check_choice("targets", options.get("targets") or "none", ("none", *AIMS))
    options |= {"targets": None} if options.get("targets") == "none" else {}
    where = pick_device(device)
    chosen = attacks or ATTACKS_OF_STUDY
    members = members_of(chosen, norm, 1)  # checked before anything is trained
    if models:
        if data is None:
            raise UsageError(
                "--model has no default images", "give --data imagefolder:DIR", code="E204"
            )
        radii = pick_eps(eps, norm, models[0])
        check_eps(radii, norm)
        nets, samples = given_nets(models, data, limit, where, members)
        told = ""
    else:
        radii = EPS[norm] if eps is None else radii_of(eps)
        check_eps(radii, norm)
        nets, samples, told = trained_nets(training or Training(), data, norm, radii, limit, where,
                                       jobs or default_jobs(where), progress)  # fmt: skip
    names = [name_of(each) for each in models]
    folder = Path(out) if out else new_run(*names, samples.name, kind="transfer")
    asked = {
        "data": data if isinstance(data, str) else samples.name,
        "training": told,
        "command": command,
    }
    summary = run_transfer(nets, samples, attacks=chosen, norm=norm, eps=radii, jobs=jobs,
                           out=folder, asked=asked, progress=progress, **options)  # fmt: skip
    return {**summary, "out": str(folder), "report": str(write_page(folder))}


def by_labels(
    target: str,
    data: str | None = None,
    *,
    own: str | None = None,
    budget: Budget | None = None,
    norm: str = "Linf",
    eps: float | None = None,
    limit: int | None = 200,
    device: str = "auto",
    out: Path | None = None,
    command: str = "",
    **options: Any,
) -> dict[str, Any]:
    """Attack ``target`` with label queries only; write page and table, return the summary.

    ``own`` are the attacker's images; without them those of ``data`` that are not attacked.
    ``options`` (steps, seed, jobs, progress) are those of
    `advkit.benchmarks.query_surrogates.audit_by_labels`. Raises AdvkitError.
    """
    check_words(audit_by_labels, options)
    norm = norm_named(norm, EPS)
    check_numbers(**options)
    where = pick_device(device)
    radius = pick_eps(None, norm, target)[1] if eps is None else eps
    check_eps((radius,), norm)
    data = data or own_data(target)
    shape = input_shape(target)
    samples, model = paired(target, data, limit, None, shape)
    if shape is None and samples.x.shape[1] == 1:
        shape = tuple(samples.x.shape[1:])
    others = load_data(own, shape=shape) if own else _rest(load_data(data, shape=shape), samples)
    model, samples = model.to(where), moved(samples, where)
    folder = out or new_run(target, samples.name, kind="transfer")
    summary = audit_by_labels(
        model, samples, others, budget or Budget(), norm=norm, eps=radius, out=folder,
        asked={"target": target, "command": command}, **options,
    )  # fmt: skip
    return {**summary, "out": str(folder), "report": str(write_query_page(folder))}


def _rest(whole: Samples, attacked: Samples) -> Samples:
    """Return the samples of ``whole`` that are not attacked; raises UsageError for none."""
    taken = set(attacked.ids)
    left = [i for i, name in enumerate(whole.ids) if name not in taken]
    if not left:
        raise UsageError(f"all images of {whole.name} are attacked, none is left for the attacker",
                         "give a lower --limit, or --train-data")  # fmt: skip
    return take(whole, left)
