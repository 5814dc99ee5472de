"""Which attacks run, in which order, on whom. A sample leaves when it is fooled."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from advkit.attacks import ATTACKS, Member, attack_card, norms_of, parse
from advkit.errors import UsageError
from advkit.evaluate.work import Work, run_member, standing


class Care(NamedTuple):
    """How thorough the checks of a result are: images, steps and queries."""

    images: int
    steps: int
    queries: int


class Suite(NamedTuple):
    """Scouts run on every eps from the smallest up, hunters from the largest down.

    A sample that resists all hunters at one eps is not attacked again at a smaller one: the
    smaller ball lies within. So each sample pays for one full defeat of the suite, however many
    eps are asked for.
    """

    scouts: tuple[str, ...]
    hunters: tuple[str, ...]
    care: Care
    """How thoroughly the result is checked."""


SUITES = {
    "quick": Suite(
        scouts=("noise:draws=2", "fgsm", "pgd:steps=10,step=0.25,loss=margin"),
        hunters=("apgd:steps=30,loss=ce", "apgd_targeted:steps=30,n_targets=1,try_steps=5"),
        care=Care(32, 50, 100),
    ),
    "standard": Suite(
        scouts=("noise:draws=4", "fgsm", "pgd:steps=10,step=0.25,loss=margin"),
        hunters=(
            "apgd:steps=30,loss=ce",
            "apgd_targeted:steps=100,n_targets=1,try_steps=5",
            "square:queries=60",
        ),
        care=Care(64, 200, 300),
    ),
}


def suite_of(attacks: Sequence[str]) -> Suite:
    """Return the suite of a user's own attacks, all as scouts."""
    return Suite(tuple(attacks), (), Care(16, 40, 100))


def members_of(texts: Sequence[str], norm: str) -> list[Member]:
    """Return the attacks named by ``texts``.

    Raises UsageError where one lacks ``norm``, or makes one perturbation for all samples: an audit
    attacks each by itself, and only those that still stand.
    """
    members = [parse(text, ATTACKS) for text in dict.fromkeys(texts)]
    for member in members:
        check_norm(member, norm)
        if attack_card(member.label, member.attack).shared:
            raise UsageError(
                f"{member.label} makes one perturbation for all samples, and has no place in an "
                "audit, which judges each by itself",
                f"run it alone: advkit attack {member.label} --norm {norm}",
            )
    return members


def check_norm(member: Member, norm: str) -> None:
    """Raise UsageError if an attack lacks ``norm``."""
    has = norms_of(member.attack)
    if norm not in has:
        raise UsageError(f"{member.label} has no norm {norm}", f"it has {', '.join(has)}")


def run(
    work: Work, scouts: Sequence[Member], hunters: Sequence[Member], eps: Sequence[float]
) -> None:
    """Run what is not yet in the ledger, at every eps."""
    rising = sorted(eps)
    for value in rising:
        for member in scouts:
            run_member(work, member, value, standing(work, value))
    for i, value in reversed(list(enumerate(rising))):
        for member in hunters:
            who = standing(work, value)
            if i + 1 < len(rising):
                who = who[~np.isin(who, standing(work, rising[i + 1]))]
            run_member(work, member, value, who)
