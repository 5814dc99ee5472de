"""The attacks of an audit between the checks that say whether their result can be trusted."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from time import perf_counter
from typing import Any

from advkit.engine import metered
from advkit.evaluate.randomised import once
from advkit.evaluate.suite import Suite, members_of, run
from advkit.evaluate.trust import (
    by_other_gradients,
    conclude,
    examine,
    last_resort,
    overall,
    recalled,
    sound,
    told,
    written,
)
from advkit.evaluate.trust_checks import Check
from advkit.evaluate.work import Work, nearest_examples, repeatable, shorten
from advkit.models.classifier import Classifier


def run_checked(
    work: Work, plan: Suite, eps: Sequence[float], first: Check, surrogates: Sequence[Classifier]
) -> tuple[list[str], dict[str, Any]]:
    """Run the attacks of ``plan`` and what the checks call for.

    Returns the labels of the attacks in their order, and the trust panel as plain values.
    """
    scouts, hunters = (members_of(names, work.norm) for names in plan[:2])
    cost = {"forwards": 0, "backwards": 0, "seconds": 0.0}
    before = work.store.fact("before")
    if before is None:
        with _billed(work, cost):
            before = {**written(examine(work, eps, plan.care, first)), "cost": cost}
        work.store.set_fact("before", before)
    findings = recalled(work, eps, plan.care, before)
    others = by_other_gradients(hunters or scouts, findings.changes)
    run(work, scouts, [*hunters, *others], eps)
    after = work.store.fact("after")
    if after is None:
        cost = dict(before["cost"])
        with _billed(work, cost):
            checks = [*findings.checks, *conclude(work, eps, plan.care, findings,
                                                  [*scouts, *hunters], surrogates)]  # fmt: skip
            told_true = sound(work, eps, plan.care, findings)
        after = {"sound": told_true, **told(checks, overall(checks, told_true), cost)}
        work.store.set_fact("after", after)
    last = []
    if not after.pop("sound") or _failed(after, "black_box_wins"):
        last = last_resort(work, eps, plan.care, hunters or scouts, findings)
    run(work, [], last, eps)
    if not work.judge:  # where answers are random the boundary is not sharp: luck would decide
        shorten(work, nearest_examples(work), max(eps))
    return [member.label for member in (*scouts, *hunters, *others, *last)], after


def _failed(trust: dict[str, Any], name: str) -> bool:
    return any(check["name"] == name and check["state"] == "fail" for check in trust["checks"])


@contextmanager
def _billed(work: Work, cost: dict[str, Any]) -> Iterator[None]:
    """Add what the block costs to ``cost``."""
    began = perf_counter()
    with metered(once(work.model)) as meter, repeatable(work, "trust"):
        yield
    cost["forwards"] += meter.forwards
    cost["backwards"] += meter.backwards
    cost["seconds"] += perf_counter() - began
