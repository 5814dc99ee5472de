"""The remaining cost of an audit, in passes and seconds, estimated from the rows so far.

The first samples give the share that survives every eps, and the cost of an attack per sample;
until then the budget does.
"""

from collections.abc import Sequence
from typing import NamedTuple

import pandas as pd

from advkit.attacks import Member
from advkit.evaluate.attempts import LINE_SEARCH
from advkit.evaluate.budget import ASSUMED, NEAR, check_passes, passes_of
from advkit.evaluate.randomised import draws_of
from advkit.evaluate.stage_context import Work, right_when_clean, room, smallest
from advkit.evaluate.suite import Plan, near
from advkit.evaluate.suites import Care

SEARCH = 10
"""Passes of a line search."""


class Step(NamedTuple):
    """An attack at one eps, and the estimated number of samples that it will be run on."""

    member: Member
    eps: float
    samples: float


def seconds_left(work: Work, plan: Plan, eps: Sequence[float], care: Care) -> float | None:
    """Return the estimated seconds left; None if they cannot be estimated."""
    costs = work.store.frame("costs")
    passes = float((costs["forwards"] + costs["backwards"]).sum())
    left = passes_left(work, plan, eps, care)
    if not passes or left is None:
        return None
    jobs = work.pool.jobs if work.pool else work.jobs
    return float(costs["seconds"].sum()) / passes * left / jobs


def passes_left(work: Work, plan: Plan, eps: Sequence[float], care: Care) -> float | None:
    """Return the estimated passes left.

    None if the checks changed the plan, or if an attack does not state its cost.
    """
    if (work.store.fact("before") or {}).get("changes"):
        return None
    costs, met = work.store.frame("costs"), _met(work)
    steps = _steps(work, plan, eps, met)
    at = [_tried(costs, step) for step in steps]
    begun = max((i for i, tried in enumerate(at) if tried), default=-1)
    attacks, judged = 0.0, _judged(work)
    for i, (step, tried) in enumerate(zip(steps, at, strict=True)):
        if i < begun:
            continue  # finished
        each = _passes(work, costs, step.member)
        if each is None:
            return None
        attacks += max(step.samples - tried, 0) * (each + judged)
    fallen = len(_right(work)) * (1 - _standing(work, met, max(eps)))
    attacks += SEARCH * fallen if not (costs["attack"] == LINE_SEARCH).any() else 0
    if work.store.fact("after"):
        return attacks
    right = len(_right(work)) / len(work.samples.ids)
    return attacks + checks_cost(work, eps, care, right, _standing(work, met, min(eps)))


def _steps(work: Work, plan: Plan, eps: Sequence[float], met: pd.Series) -> list[Step]:
    rising, right = sorted(eps), len(_right(work))
    share = {value: _standing(work, met, value) for value in rising}
    steps = [Step(member, float("inf"), right) for member in plan.nearest]
    steps += [Step(m, value, right * share[value]) for value in rising for m in plan.scouts]
    larger = [*rising[1:], None]
    for value, above in reversed(list(zip(rising, larger, strict=True))):
        new = right * (share[value] - (share[above] if above else 0))
        steps += [Step(member, value, new) for member in plan.hunters]
        close = _close(work, plan, met, value) if plan.closers else 0.0
        steps += [Step(member, value, new * close) for member in plan.closers]
    return steps


def _right(work: Work) -> pd.DataFrame:
    """Return the clean rows of the samples that this run attacks."""
    clean = right_when_clean(work)
    return clean if work.only is None else clean[clean["position"].isin(work.only)]


def _met(work: Work) -> pd.Series:
    """Return by position the smallest example so far of the samples attacked already."""
    met = set(work.store.frame("results")["id"])
    right = _right(work)
    return smallest(work).reindex(right.loc[right["id"].isin(met), "position"])


def _standing(work: Work, met: pd.Series, eps: float) -> float:
    return float((met > room(work, eps)).mean()) if len(met) else ASSUMED


def _close(work: Work, plan: Plan, met: pd.Series, eps: float) -> float:
    """Return the share of the samples surviving ``eps`` that the closers will be run on."""
    standing = met.index[met > room(work, eps)]
    if not len(standing):
        return NEAR
    return float(pd.Series(standing).isin(near(work, eps, plan.near)).mean())


def _tried(costs: pd.DataFrame, step: Step) -> int:
    mine = (costs["attack"] == step.member.label) & (costs["eps"] == step.eps)
    return int(costs.loc[mine, "tried"].sum())


def _passes(work: Work, costs: pd.DataFrame, member: Member) -> float | None:
    """Return the cost per sample: measured so far, or else from the attack's card."""
    mine = costs[costs["attack"] == member.label]
    if len(mine):
        return float((mine["forwards"] + mine["backwards"]).sum() / mine["tried"].sum())
    queries = passes_of([member], work.model.n_classes)
    return None if queries is None else queries * draws_of(work.model)


def judge_cost(work: Work, plan: Plan, eps: Sequence[float]) -> float:
    """Return the passes that judging what attacks return takes, beyond theirs: see `_judged`."""
    return _judged(work) * sum(step.samples for step in _steps(work, plan, eps, _met(work)))


def _judged(work: Work) -> int:
    """Return the passes per example of the judge of a randomised model, at least; else 0.

    That of any other model asks once, which is nothing beside an attack.
    """
    return draws_of(work.judge) if work.judge else 0


def checks_cost(
    work: Work, eps: Sequence[float], care: Care, right: float = 1.0, standing: float = ASSUMED
) -> float:
    """Return the passes of the checks after the attacks (`budget.check_passes`).

    Of a randomised model a query is several, and more where the judge itself is attacked.
    """
    draws = draws_of(work.model)
    more = draws_of(work.judge) // draws if work.judge else 1
    care = care._replace(queries=care.queries * more)
    return draws * check_passes(care, len(work.samples.ids), len(eps), right, standing)
