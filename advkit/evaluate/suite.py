"""How a suite runs: every attack on the survivors, closers on images close to the boundary."""

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from advkit.attacks import ATTACKS, Member, attack_card, parse
from advkit.attacks.options import norm_of
from advkit.errors import UsageError
from advkit.evaluate.attempts import run_member
from advkit.evaluate.proofs import certified
from advkit.evaluate.stage_context import Work, right_when_clean, smallest, standing
from advkit.evaluate.suites import Near, Suite


class Plan(NamedTuple):
    """The attacks of a `Suite`, ready to run."""

    nearest: Sequence[Member]
    scouts: Sequence[Member]
    hunters: Sequence[Member]
    closers: Sequence[Member]
    near: Near

    def members(self) -> Iterator[Member]:
        """Yield all attacks in the order in which they run."""
        for stage in (self.nearest, self.scouts, self.hunters, self.closers):
            yield from stage


def plan_of(suite: Suite, norm: str) -> Plan:
    """Return the attacks of ``suite``; raises UsageError as `members_of` does."""
    stages = (suite.nearest, suite.scouts, suite.hunters, suite.closers)
    nearest, scouts, hunters, closers = (members_of(stage, norm) for stage in stages)
    return Plan(nearest, scouts, hunters, closers, suite.near)


def members_of(texts: Sequence[str], norm: str) -> list[Member]:
    """Return the attacks named by ``texts``.

    Raises UsageError for one that lacks ``norm``, or that makes one perturbation for all samples:
    an audit attacks every sample on its own, and survivors only.
    """
    members = [parse(text, ATTACKS) for text in dict.fromkeys(texts)]
    for member in members:
        norm_of(member.label, member.attack, norm)
        if attack_card(member.label, member.attack).shared:
            raise UsageError(
                f"{member.label} makes one perturbation for all samples, but an audit judges "
                "each sample by itself",
                f"run it alone: advkit attack {member.label} --norm {norm}",
                code="E210",
            )
    return members


def run(work: Work, plan: Plan, eps: Sequence[float]) -> None:
    """Run what is not yet in the ledger, at every eps; certified samples are not attacked."""
    rising = sorted(eps)
    for member in plan.nearest:
        everybody = right_when_clean(work)["position"].to_numpy(dtype=int)
        everybody = everybody[~np.isin(everybody, certified(work, rising[-1]))]
        run_member(work, member, math.inf, everybody)
    for value in rising:
        for member in plan.scouts:
            run_member(work, member, value, _open(work, value))
    for i, value in reversed(list(enumerate(rising))):
        larger = rising[i + 1 :][:1]
        for member in plan.hunters:
            run_member(work, member, value, _newly_standing(work, value, larger))
        exact = work._replace(bfloat16=False)  # close to the boundary, rounding would matter
        for member in plan.closers:
            who = _newly_standing(work, value, larger)
            who = who[np.isin(who, near(work, value, plan.near))]
            run_member(exact, member, value, who, known=plan.near.within * value)


def _newly_standing(work: Work, eps: float, larger: Sequence[float]) -> np.ndarray:
    """Return the positions of the samples that survive ``eps`` but no ``larger`` one."""
    who = _open(work, eps)
    for value in larger:
        who = who[~np.isin(who, standing(work, value))]
    return who


def _open(work: Work, eps: float) -> np.ndarray:
    """Return the positions of the samples that survive ``eps`` and are not certified there."""
    who = standing(work, eps)
    return who[~np.isin(who, certified(work, eps))]


def near(work: Work, eps: float, by: Near) -> np.ndarray:
    """Return the positions of the correct samples that are close to the boundary at ``eps``."""
    sizes, clean = smallest(work), right_when_clean(work)
    results = work.store.frame("results")
    best = results[results["eps"] == eps].groupby("id")["margin"].max()
    short = clean["id"].map(best).to_numpy() > by.short * clean["margin"].to_numpy()
    close = sizes.to_numpy() <= by.within * eps
    return clean["position"].to_numpy(dtype=int)[short | close]
