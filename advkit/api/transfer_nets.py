"""The nets of a transfer study: given, or trained for it; and the images to attack."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import torch

from advkit.api.pairing import paired_with_all
from advkit.api.request import name_of
from advkit.attacks import Member
from advkit.benchmarks.classical_targets import classical_targets
from advkit.benchmarks.independent_nets import Plan, loaded, plan_nets, trained
from advkit.benchmarks.transfer_runs import Net
from advkit.data.python_data import Data, given, name_of_data
from advkit.data.samples import Samples, moved
from advkit.data.specs import load_data
from advkit.errors import InputError, UsageError
from advkit.evaluate.black_box_run import attackable, check_gradients
from advkit.models.classifier import Classifier

TRAIN, TEST = "bundled:digits?split=train", "bundled:digits"
ARCHITECTURES = ("logistic", "mlp", "cnn", "resnet", "vit")
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


def given_nets(
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
    return nets, moved(samples, device)


def _name(spec: str) -> str:
    """Return a spec without its normalisation, which does not distinguish nets."""
    head, _, query = spec.partition("?")
    told = [word for word in query.split("&") if word and not word.startswith(("mean=", "std="))]
    return f"{head}?{'&'.join(told)}" if told else head


def _family(spec: str) -> str:
    """Return the architecture of a given model: its spec without options."""
    return spec.partition("?")[0].rpartition(":")[2]


def trained_nets(
    training: Training, data: Data | None, norm: str, radii: Sequence[float], limit: int | None,
    device: torch.device, jobs: int, progress: Callable[[str, int, int], None],
) -> tuple[list[Net], Samples, str]:  # fmt: skip
    """Return the nets of ``training``, trained or read, the images to attack, and what was done.

    Raises UsageError for data that are not those to train on, InputError for another size.
    """
    name = TEST if data is None else name_of_data(data)
    if training.data == TRAIN and not name.startswith("bundled:digits"):
        raise UsageError(f"--data {name} gives the images to attack, not those to train on",
                         "add --train-data, or give nets: --model A --model B")  # fmt: skip
    samples = moved(given(TEST if data is None else data, limit), device)
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
