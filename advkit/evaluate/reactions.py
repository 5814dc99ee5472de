"""Reactions of an audit to a masked gradient: attacks with a substitute gradient, or with none."""

from collections.abc import Mapping, Sequence
from functools import partial

from advkit.attacks import Member
from advkit.attacks.changed_gradient import through
from advkit.evaluate.stage_context import Work
from advkit.evaluate.suite import Plan, members_of
from advkit.evaluate.suites import Care
from advkit.evaluate.surrogates import PLAIN, Change, change_named, changed, has_inner_logits
from advkit.evaluate.trust import Findings, right_ones

BY_GRADIENT = ("apgd:steps=30,loss=ce", "apgd_targeted:steps=30,n_targets=1,try_steps=5")
"""Attacks that run on all survivors in addition to the suite, with a substitute gradient."""
PAST = (
    "pgd:steps=50,step=0.05,loss=margin,stop=false",
    "pgd:steps=50,step=0.05,loss=ce,stop=false",
)
"""Attacks that run on all survivors of a randomised model: a point at which an attack that stops
once fooled it by chance need not fool it on average."""
INNER = "inner_logits"
BY_SCORES = ("square:queries=3000",)
"""Attacks that run on all survivors if every gradient misleads."""


def adapted(work: Work, plan: Plan, changes: Mapping[str, Change]) -> Plan:
    """Return ``plan`` with the changed gradient for all but the scouts; unchanged if none helps.

    Randomised models have no sharp boundary, and models made of steps none that an attack can
    follow: their plans have no attacks that walk along the boundary.
    """
    if work.judge or "smoothed" in changes:
        plan = plan._replace(nearest=[], hunters=_hunters(work, plan), closers=[])
    if not changes:
        return plan
    nearest, hunters, closers = (
        _by_changed(stage, changes) for stage in (plan.nearest, _hunters(work, plan), plan.closers)
    )
    return Plan(nearest, plan.scouts, hunters, closers, plan.near)


def _hunters(work: Work, plan: Plan) -> list[Member]:
    """Return the hunters of the plan, or a user's own attacks, and those of `BY_GRADIENT`.

    For a randomised model also those of `PAST`.
    """
    more = (*BY_GRADIENT, *(PAST if work.judge else ()))
    members = [*(plan.hunters or plan.scouts), *members_of(more, work.norm)]
    return list({member.label: member for member in members}.values())


def last_resort(
    work: Work, eps: Sequence[float], care: Care, plan: Plan, findings: Findings
) -> Plan:
    """Return attacks for a model whose gradient misleads: smoothed gradients, and scores.

    The gradient of inner logits is used too, if there are any and no earlier check called for them.
    """
    subject, members = right_ones(work, eps, care), members_of(BY_GRADIENT, work.norm)
    changes = findings.changes
    within = {} if INNER in changes or not has_inner_logits(subject) else {INNER: PLAIN[INNER]}
    inner = _by_changed(members, {**within, **changes}) if within else []
    afar = _by_changed(members, {**changes, "smoothed": change_named("smoothed", subject)})
    return Plan([], [], [*inner, *afar, *members_of(BY_SCORES, work.norm)], [], plan.near)


def _by_changed(members: Sequence[Member], changes: Mapping[str, Change]) -> list[Member]:
    name, change = "+".join(changes), partial(changed, changes=changes)
    change.__name__ = name  # type: ignore[attr-defined]
    return [
        member._replace(label=f"{name}({member.label})", attack=through(member.attack, change))
        for member in members
    ]
