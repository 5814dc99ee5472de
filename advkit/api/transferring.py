"""The Python interface of `advkit transfer`: the transfer study from specs to its page."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch

from advkit.api.checking import check_choice, check_list, check_numbers, check_words
from advkit.api.pairing import paired, paired_with_all
from advkit.api.request import name_of, new_run, own_data, pick_device, pick_eps
from advkit.attacks import Member
from advkit.benchmarks.classical_targets import classical_targets
from advkit.benchmarks.independent_nets import Plan, loaded, plan_nets, trained
from advkit.benchmarks.query_surrogates import Budget, audit_by_labels
from advkit.benchmarks.transfer import ATTACKS_OF_STUDY, members_of
from advkit.benchmarks.transfer import transfer as run_transfer
from advkit.benchmarks.transfer_runs import Net
from advkit.data.python_data import Data, given, name_of_data
from advkit.data.samples import Samples, take
from advkit.data.specs import load_data
from advkit.errors import InputError, UsageError
from advkit.evaluate.black_box_run import attackable, check_gradients
from advkit.evaluate.workers import default_jobs
from advkit.models.classifier import Classifier
from advkit.models.specs import input_shape
from advkit.norm_names import norm_named
from advkit.numbers import check_eps, radii_of
from advkit.pages.transfers import write_page, write_query_page

TRAIN, TEST = "bundled:digits?split=train", "bundled:digits"
ARCHITECTURES = ("logistic", "mlp", "cnn", "resnet", "vit")
AIMS = ("random", "least_likely", "second")
EPS = {"Linf": (0.1, 0.2, 0.3), "L2": (0.5, 1.0, 1.5)}
IMAGES = 30_000
"""Images, counted in every epoch, on which a net is trained by default."""


class Training(NamedTuple):
    """Which nets to train, and how."""

    architectures: Sequence[str] = ARCHITECTURES
    robust: Sequence[str] = ("cnn",)
    """Architectures that are also trained adversarially."""
    robust_eps: float | None = None
    seeds: int = 2
    split: str = "disjoint"
    data: str = TRAIN
    epochs: int | None = None
    batch_size: int = 64
    folder: Path = Path("runs/nets")
    classical: bool = True
    """Whether classifiers of scikit-learn are targets too."""


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
        nets, samples = _given(models, data, limit, where, members)
        told = ""
    else:
        radii = EPS[norm] if eps is None else radii_of(eps)
        check_eps(radii, norm)
        nets, samples, told = _trained(training or Training(), data, norm, radii, limit, where,
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
    model, samples = model.to(where), _on(where, samples)
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


def _given(
    models: Sequence[str | Classifier], data: Data, limit: int | None, device: torch.device,
    members: Sequence[Member],
) -> tuple[list[Net], Samples]:  # fmt: skip
    """Return nets and data; a black box is no source if an attack needs gradients."""
    samples, found = paired_with_all(models, data, limit)
    specs = [name_of(each) for each in models]
    names = [_name(spec) for spec in specs]
    names = names if len(set(names)) == len(names) else specs
    blind = [net for net in found if not attackable(net, members)]
    if len(blind) == len(found):
        check_gradients(found[0], members)
    nets = [Net(name, _family(spec), net.to(device), source=net not in blind)
            for name, spec, net in zip(names, specs, found, strict=True)]  # fmt: skip
    return nets, _on(device, samples)


def _name(spec: str) -> str:
    """Return a spec without its normalisation, which does not distinguish nets."""
    head, _, query = spec.partition("?")
    told = [word for word in query.split("&") if word and not word.startswith(("mean=", "std="))]
    return f"{head}?{'&'.join(told)}" if told else head


def _family(spec: str) -> str:
    """Return the architecture of a given model: its spec without options."""
    return spec.partition("?")[0].rpartition(":")[2]


def _on(device: torch.device, samples: Samples) -> Samples:
    return samples._replace(x=samples.x.to(device), y=samples.y.to(device))


def _trained(
    training: Training, data: Data | None, norm: str, radii: Sequence[float], limit: int | None,
    device: torch.device, jobs: int, progress: Callable[[str, int, int], None],
) -> tuple[list[Net], Samples, str]:  # fmt: skip
    name = TEST if data is None else name_of_data(data)
    if training.data == TRAIN and not name.startswith("bundled:digits"):
        raise UsageError(f"--data {name} gives the images to attack, not those to train on",
                         "add --train-data, or give nets: --model A --model B")  # fmt: skip
    samples = _on(device, given(TEST if data is None else data, limit))
    images = load_data(training.data)
    if samples.x.shape[1:] != images.x.shape[1:]:
        raise InputError(f"{images.name} has images of {tuple(images.x.shape[1:])}, "
                         f"{samples.name} of {tuple(samples.x.shape[1:])}",
                         "use the same size for both (?size=)", code="E314")  # fmt: skip
    plans, robust = plans_of(training, len(images.ids), norm, radii)
    files = trained([*plans, *robust], images, training.folder, jobs=jobs, progress=progress)
    nets = [
        Net(plan.name, plan.name.rpartition(" ")[0], model, robust=at >= len(plans))
        for at, (plan, model) in enumerate(zip([*plans, *robust],
                                               loaded([*plans, *robust], files, device),
                                               strict=True))
    ]  # fmt: skip
    if training.classical:
        nets += classical_targets(images, nets[0].model.n_classes)
    part = f"its own 1/{training.seeds} of" if training.split == "disjoint" else "all of"
    return nets, samples, f"{len(files)} nets, each on {part} {images.name}"


def plans_of(
    training: Training, n: int, norm: str, radii: Sequence[float]
) -> tuple[list[Plan], list[Plan]]:
    """Return the nets with standard training on ``n`` images, and with adversarial training."""
    each = n // training.seeds if training.split == "disjoint" else n
    epochs = training.epochs or min(max(IMAGES // max(each, 1), 5), 40)
    usual = {"epochs": epochs, "batch_size": training.batch_size}
    plans = plan_nets(n, training.architectures, training.seeds, split=training.split, **usual)
    if not training.robust:
        return plans, []
    against = radii[len(radii) // 2] if training.robust_eps is None else training.robust_eps
    robust = plan_nets(n, training.robust, training.seeds, split=training.split, **usual, norm=norm,
                       eps=against, warm_up=min(5.0, epochs / 2))  # fmt: skip
    return plans, [plan._replace(name=f"robust {plan.name}") for plan in robust]
