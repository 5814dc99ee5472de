"""A single attack as requested: wrapped for restarts, averaging, targets, minimum norm."""

from typing import NamedTuple, get_args

import torch
from torch import Tensor

from advkit.attacks import ATTACKS, HIGHER_ORDER, Member, attack_card, parse
from advkit.attacks.averaged_transforms import TRANSFORMS
from advkit.attacks.options import norm_of
from advkit.attacks.targets_per_sample import Choice, choose_targets
from advkit.data.samples import Samples, take
from advkit.errors import UnknownNameError, UsageError, did_you_mean
from advkit.evaluate.workers import default_batch
from advkit.models.classifier import Classifier

CHOICES = tuple(choice for choice in get_args(Choice) if choice != "given")


class Plan(NamedTuple):
    """The attack ``member`` to run in ``norm``; ``eps`` of None requests minimum norm.

    ``targets`` and ``transform`` are as requested; ``shared``: one perturbation for all samples.
    """

    member: Member
    norm: str
    eps: float | None
    targets: str | None
    transform: str | None
    shared: bool
    notes: tuple[str, ...]

    @property
    def one_target(self) -> bool:
        """Whether each sample has a single target class."""
        return self.targets not in (None, "all")


def planned(
    text: str,
    *,
    norm: str | None = None,
    eps: float | None = None,
    targets: str | None = None,
    restarts: int = 1,
    average: int = 0,
    transform: str = "noise",
    bfloat16: bool = False,
) -> Plan:
    """Return the attack that ``text`` names, wrapped as requested; the label is its Python form.

    From the inside out: bfloat16, restarts, minimum norm, average, all targets. The default of
    ``norm`` is Linf, or the first that the attack has. Raises UsageError for what does not exist or
    does not fit.
    """
    member = parse(text, ATTACKS)
    card = attack_card(text, member.attack)
    norm = norm_of(text, member.attack, norm or ("Linf" if "Linf" in card.norms else card.norms[0]))
    _check_wrappers(restarts, average, transform)
    notes = []
    if bfloat16:
        member = _wrapped(member, "in_bfloat16")
    if restarts > 1:
        member = _wrapped(member, "restarted", restarts)
    if eps is None and card.shared and not card.minimum_norm:
        raise UsageError(
            f"{text} makes one perturbation for all images", "give its size: --eps", code="E204"
        )
    if eps is None and not card.minimum_norm:
        name = member.label
        member = _wrapped(member, "minimised")
        notes.append(f"{name} has a fixed budget, and no eps was given: the smallest is found "
                     "by bisection (minimised).")  # fmt: skip
    if average:
        wrapped = HIGHER_ORDER["on_average"](member.attack, TRANSFORMS[transform](), average)
        label = f"on_average({member.label}, {transform}, {average})"
        member = member._replace(label=label, attack=wrapped)
    if targets == "all":
        member = _wrapped(member, "targeted", "all")
    averaged = transform if average else None
    return Plan(member, norm, eps, targets, averaged, card.shared, tuple(notes))


def banded(plan: Plan, band: tuple[float, float] | None, rate: int | None) -> Plan:
    """Return ``plan`` with perturbations limited to a ``band`` in Hz; raises UsageError."""
    if band is None:
        return plan
    if rate is None:
        raise UsageError(
            "--band needs sound, and the data is not sound", "leave it out", code="E207"
        )
    return plan._replace(member=_wrapped(plan.member, "in_band", *band, rate))


def _check_wrappers(restarts: int, average: int, transform: str) -> None:
    if transform not in TRANSFORMS:
        raise UnknownNameError(
            f"there is no transform {transform!r}", did_you_mean(transform, TRANSFORMS)
        )
    if restarts < 1 or average < 0:
        raise UsageError(f"restarts={restarts}, average={average}", "give 1 or more", code="E203")


def _wrapped(member: Member, name: str, *options: object) -> Member:
    label = ", ".join([member.label, *map(str, options)])
    attack = HIGHER_ORDER[name](member.attack, *options)
    return member._replace(label=f"{name}({label})", attack=attack)


def goals(model: Classifier, samples: Samples, targets: str | None, seed: int) -> Tensor | None:
    """Return the target class of each sample, (n,); None for untargeted attacks.

    ``targets`` is a way to choose (`CHOICES`), the name of a class or its number.
    """
    if targets is None or targets == "all":
        return None
    if targets in CHOICES:
        batch = default_batch(samples.x[0].numel())
        parts = [take(samples, range(len(samples.ids))[i : i + batch])
                 for i in range(0, len(samples.ids), batch)]  # fmt: skip
        chosen = [choose_targets(model, p.x, p.y, targets, seed=seed, ids=p.ids) for p in parts]
        return torch.cat(chosen)
    names = list(model.classes or samples.classes or ())
    place = names.index(targets) if targets in names else _number(targets, names, model.n_classes)
    return torch.full_like(samples.y, place)


def _number(text: str, names: list[str], n_classes: int) -> int:
    if text.isdecimal() and int(text) < n_classes:
        return int(text)
    known = did_you_mean(text, [*CHOICES, *names])
    raise UsageError(
        f"--targets {text} is no class of {n_classes}", f"{known}, or a number from 0", code="E203"
    )
