"""The same attack in every library: ``(job, samples) -> x_adv`` on all images.

The number of steps, the length of a PGD step, the loss and one random start are fixed; everything
else is the library's default. Peers are imported only when they run, so that all are optional.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from advkit.attacks import apgd, pgd
from advkit.data.samples import Samples


class Job(NamedTuple):
    """Parameters of an attack, common to all libraries; ``seed`` counts the repeats."""

    net: nn.Module
    norm: str
    eps: float
    seed: int
    batch: int
    steps: int
    loss: str


Contestant = Callable[[Job, Samples], Tensor]

STEP = 0.1  # of PGD, in units of eps
ORDER: dict[str, Any] = {"Linf": np.inf, "L2": 2}


def in_batches(attack: Callable[..., Tensor], size: int, *columns: Any) -> Tensor:
    """Call ``attack`` on batches of ``size`` rows of ``columns``; concatenate the examples."""
    parts = [
        attack(*(column[at : at + size] for column in columns))
        for at in range(0, len(columns[0]), size)
    ]
    return torch.cat([part.detach() for part in parts])


def advkit_pgd(job: Job, samples: Samples) -> Tensor:
    """Run `advkit.attacks.pgd`."""

    def attack(x: Tensor, y: Tensor, ids: Sequence[str]) -> Tensor:
        common: Any = {"norm": job.norm, "seed": job.seed, "ids": ids}
        return pgd(job.net, x, y, eps=job.eps, steps=job.steps, step=STEP, **common)

    return in_batches(attack, job.batch, samples.x, samples.y, samples.ids)


def advkit_apgd(job: Job, samples: Samples) -> Tensor:
    """Run `advkit.attacks.apgd`."""

    def attack(x: Tensor, y: Tensor, ids: Sequence[str]) -> Tensor:
        common: Any = {"norm": job.norm, "loss": job.loss, "seed": job.seed, "ids": ids}
        return apgd(job.net, x, y, eps=job.eps, steps=job.steps, **common)

    return in_batches(attack, job.batch, samples.x, samples.y, samples.ids)


def torchattacks_pgd(job: Job, samples: Samples) -> Tensor:
    """Run torchattacks.PGD or PGDL2."""
    import torchattacks

    kind = torchattacks.PGD if job.norm == "Linf" else torchattacks.PGDL2
    attack = kind(job.net, eps=job.eps, alpha=STEP * job.eps, steps=job.steps)
    return in_batches(attack, job.batch, samples.x, samples.y)


def torchattacks_apgd(job: Job, samples: Samples) -> Tensor:
    """Run torchattacks.APGD."""
    import torchattacks

    attack = torchattacks.APGD(
        job.net, norm=job.norm, eps=job.eps, steps=job.steps, seed=job.seed, loss=job.loss
    )
    return in_batches(attack, job.batch, samples.x, samples.y)


def foolbox_pgd(job: Job, samples: Samples) -> Tensor:
    """Run foolbox's LinfPGD or L2PGD."""
    import foolbox

    model = foolbox.PyTorchModel(job.net, bounds=(0, 1))
    kind = foolbox.attacks.LinfPGD if job.norm == "Linf" else foolbox.attacks.L2PGD
    attack = kind(rel_stepsize=STEP, steps=job.steps)

    def run(x: Tensor, y: Tensor) -> Tensor:
        return attack(model, x, y, epsilons=job.eps)[1]  # type: ignore[no-any-return]

    return in_batches(run, job.batch, samples.x, samples.y)


def adv_lib_pgd(job: Job, samples: Samples) -> Tensor:
    """Run adv_lib's pgd_linf, its only norm."""
    from adv_lib.attacks import pgd_linf

    def attack(x: Tensor, y: Tensor) -> Tensor:
        steps: Any = {"steps": job.steps, "relative_step_size": STEP}
        return pgd_linf(job.net, x, y, job.eps, **steps)  # type: ignore[no-any-return]

    return in_batches(attack, job.batch, samples.x, samples.y)


def adv_lib_apgd(job: Job, samples: Samples) -> Tensor:
    """Run adv_lib's apgd."""
    from adv_lib.attacks import apgd as attack

    options: Any = {"norm": ORDER[job.norm], "n_iter": job.steps, "loss_function": job.loss}
    bound = partial(attack, job.net, eps=job.eps, **options)
    return in_batches(bound, job.batch, samples.x, samples.y)


def _art(job: Job, samples: Samples, attack: Callable[[Any], Any]) -> Tensor:
    from art.estimators.classification import PyTorchClassifier

    with torch.no_grad():
        n_classes = job.net(samples.x[:1]).shape[1]
    estimator = PyTorchClassifier(
        model=job.net,
        loss=nn.CrossEntropyLoss(),
        input_shape=tuple(samples.x.shape[1:]),
        nb_classes=n_classes,
        clip_values=(0.0, 1.0),
        device_type="cpu",
    )
    return torch.from_numpy(attack(estimator).generate(samples.x.numpy(), samples.y.numpy()))


def art_pgd(job: Job, samples: Samples) -> Tensor:
    """Run ART's ProjectedGradientDescent (PyTorch implementation) from one random start."""
    from art.attacks.evasion import ProjectedGradientDescent as Attack

    options: Any = {"norm": ORDER[job.norm], "eps": job.eps, "eps_step": STEP * job.eps}
    options |= {"max_iter": job.steps, "num_random_init": 1, "batch_size": job.batch}
    return _art(job, samples, lambda estimator: Attack(estimator, verbose=False, **options))


def art_apgd(job: Job, samples: Samples) -> Tensor:
    """Run ART's AutoProjectedGradientDescent from one random start (its default is five)."""
    from art.attacks.evasion import AutoProjectedGradientDescent as Attack

    names = {"ce": "cross_entropy", "dlr": "difference_logits_ratio"}
    options: Any = {"norm": ORDER[job.norm], "eps": job.eps, "loss_type": names[job.loss]}
    options |= {"max_iter": job.steps, "nb_random_init": 1, "batch_size": job.batch}
    return _art(job, samples, lambda estimator: Attack(estimator, verbose=False, **options))


def pyautoattack_apgd(job: Job, samples: Samples) -> Tensor:
    """Run pyautoattack's APGDAttack, an unchanged copy of the authors' code."""
    from pyautoattack.autopgd_base import APGDAttack

    options: Any = {"norm": job.norm, "eps": job.eps, "seed": job.seed, "loss": job.loss}
    attack = APGDAttack(job.net, n_iter=job.steps, device="cpu", **options)
    return in_batches(attack.perturb, job.batch, samples.x, samples.y)


class Race(NamedTuple):
    """One attack, and the libraries that have it; the first is advkit."""

    steps: int
    loss: str
    libraries: dict[str, Contestant]


AUTO: dict[str, Contestant] = {
    "advkit": advkit_apgd,
    "torchattacks": torchattacks_apgd,
    "adv-lib": adv_lib_apgd,
    "ART": art_apgd,
    "pyautoattack": pyautoattack_apgd,
}
RACES = {
    "PGD-40": Race(
        40,
        "ce",
        {
            "advkit": advkit_pgd,
            "torchattacks": torchattacks_pgd,
            "foolbox": foolbox_pgd,
            "adv-lib": adv_lib_pgd,
            "ART": art_pgd,
        },
    ),
    "APGD-CE-100": Race(100, "ce", AUTO),
    "APGD-DLR-100": Race(100, "dlr", AUTO),
}
LACKING = {("PGD-40", "adv-lib", "L2")}
