"""The attacks of an audit, with the trust checks before and after them."""

from collections.abc import Callable, Sequence
from functools import partial
from time import perf_counter
from typing import Any, NamedTuple

from advkit.engine import Meter, metered
from advkit.evaluate.attempts import shorten
from advkit.evaluate.black_box_run import black_box_trust
from advkit.evaluate.randomised import once
from advkit.evaluate.reactions import adapted, last_resort
from advkit.evaluate.shards import check_complete
from advkit.evaluate.stage_context import Work, nearest_within, repeatable
from advkit.evaluate.suite import Plan, run
from advkit.evaluate.suites import Care
from advkit.evaluate.trust import Findings, conclude, examine, recalled, sound, written
from advkit.evaluate.trust_checks import Check
from advkit.evaluate.trust_verdict import told
from advkit.models.classifier import Classifier

MORE = "more_steps_help"
ASTRAY = ("black_box_wins", "unbounded_fails")
"""Checks whose failure shows that the gradient misleads attacks."""


class Attacked(NamedTuple):
    """The attacks that ran, and the findings of the checks before them, with their cost.

    ``stronger`` is the name and plan of the next stronger suite, if there is one.
    """

    plan: Plan
    findings: Findings
    before: dict[str, Any]
    stronger: tuple[str, Plan] | None = None


def run_attacks(
    work: Work,
    plan: Plan,
    care: Care,
    eps: Sequence[float],
    first: Check,
    above: tuple[str, Plan] | None = None,
) -> Attacked:
    """Run the attacks of ``plan``, with a substitute gradient if the checks before require one.

    ``first`` is the only check of a black box before the attacks. ``above`` is the next stronger
    suite, with its name.
    """
    if work.model.black_box:
        run(work, plan, eps)
        check_complete(work)
        return Attacked(plan, Findings([first], {}), {})
    before = _once(work, "before", lambda _: written(examine(work, eps, care, first)))
    findings = recalled(work, eps, care, before)
    plan = adapted(work, plan, findings.changes)
    run(work, plan, eps)
    check_complete(work)
    stronger = above and (above[0], adapted(work, above[1], findings.changes))
    return Attacked(plan, findings, before, stronger)


def run_checked(
    work: Work,
    attacked: Attacked,
    care: Care,
    eps: Sequence[float],
    surrogates: Sequence[Classifier],
) -> tuple[list[str], dict[str, Any]]:
    """Check the result of the attacks, and run the attacks that failed checks require.

    Returns the labels of the attacks in their order, and the trust panel as plain values.
    """
    plan, findings, before, stronger = attacked
    if work.model.black_box:
        return [member.label for member in plan.members()], black_box_trust(work, findings.checks)
    verdict = partial(_verdict, work, attacked, care, eps, surrogates)
    after = _once(work, "after", verdict)
    if stronger and _failed(after, MORE):
        name, more = stronger
        run(work, more, eps)
        after = _gone_on(_once(work, "after more", verdict), after, name)
        plan = plan._replace(closers=[*plan.closers, *more.members()])
    if not after.pop("sound") or any(_failed(after, name) for name in ASTRAY):
        last = last_resort(work, eps, care, plan, findings)
        run(work, last, eps)
        plan = plan._replace(closers=[*plan.closers, *last.members()])
    if not work.judge:  # with random outputs the boundary is not sharp: chance would decide
        shorten(work, nearest_within(work, max(eps)), max(eps))
    check_complete(work)
    return [member.label for member in plan.members()], _with_cost(after, before)


def _verdict(
    work: Work,
    attacked: Attacked,
    care: Care,
    eps: Sequence[float],
    surrogates: Sequence[Classifier],
    meter: Meter,
) -> dict[str, Any]:
    plan, findings, _, _ = attacked
    members = list(plan.members())
    checks, walks = conclude(work, eps, care, findings, members, surrogates, meter)
    true = sound(work, eps, care, findings)
    return {"sound": true, "courses": walks, **told([*findings.checks, *checks], true)}


def _once(work: Work, name: str, find: Callable[[Meter], dict[str, Any]]) -> dict[str, Any]:
    """Return the findings of ``find`` and their cost; from the ledger if they are there already."""
    fact = work.store.fact(name)
    if fact is None:
        began = perf_counter()
        with metered(once(work.model)) as meter, repeatable(work, name):
            found = find(meter)
        cost = {"forwards": meter.forwards, "backwards": meter.backwards}
        fact = {**found, **cost, "seconds": perf_counter() - began}
        work.store.set_fact(name, fact)
    return fact  # type: ignore[no-any-return]


def _with_cost(found: dict[str, Any], earlier: dict[str, Any]) -> dict[str, Any]:
    """Return ``found`` with the cost of ``earlier`` added."""
    costs = ("forwards", "backwards", "seconds")
    return {**found, **{name: found[name] + earlier[name] for name in costs}}


def _gone_on(found: dict[str, Any], earlier: dict[str, Any], name: str) -> dict[str, Any]:
    """Return ``found``, after the suite ``name`` ran as well, with the reason added."""
    seen = {check["name"]: check["evidence"] for check in earlier["checks"]}[MORE]
    why = f" Before, {seen[0].lower()}{seen[1:]} So the suite {name} ran as well."
    checks = [
        {**check, "evidence": check["evidence"] + why} if check["name"] == MORE else check
        for check in found["checks"]
    ]
    return _with_cost({**found, "checks": checks}, earlier)


def _failed(trust: dict[str, Any], name: str) -> bool:
    return any(check["name"] == name and check["state"] == "fail" for check in trust["checks"])
