"""Whether the result of an audit can be trusted: checks on a few images, before and after attacks.

The checks are the indicators of attack failure of Pintor et al. (2022), the flags of AutoAttack
(Croce and Hein 2020), and those items of Carlini et al. (2019) that can be automated.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import torch

from advkit.attacks import Member
from advkit.engine import Meter, detours
from advkit.engine.objectives import Model
from advkit.evaluate.attack_checks import (
    beats_noise,
    beats_one_step,
    by_effort,
    by_scores,
    by_transfer,
    climbing,
    courses,
    keeps_success,
    monotone,
    unbounded,
)
from advkit.evaluate.check_units import Trial, measured
from advkit.evaluate.clean_checks import above_guessing
from advkit.evaluate.gradient_checks import (
    real_logits,
    some_gradient,
    true_gradient,
    unsaturated,
)
from advkit.evaluate.ledger_checks import led_by_scores, valid
from advkit.evaluate.stage_context import Work, last_stand, repeatable, right_when_clean
from advkit.evaluate.subject import Subject, few, subject_at, subject_of
from advkit.evaluate.suites import Care
from advkit.evaluate.surrogates import Change, best_guide, change_named, changed, turns_alike
from advkit.evaluate.trust_checks import Check
from advkit.models.classifier import Classifier

TRUE = {"before_softmax", "inner_logits", "backwards_turned", "rescaled"}
"""Changes after which outputs and gradient should agree, so that finite differences can test it."""

VOTE = "one_hot"
"""The detour name of a majority vote."""

DOUBT = 10
"""Factor on the queries of the score-based check if the gradient is a substitute: one that ignores
rounding is a good approximation, one that ignores a filter is not."""


class Findings(NamedTuple):
    """The result before the attacks: checks, and the changes of the gradient that help, by name."""

    checks: list[Check]
    changes: dict[str, Change]


def examine(work: Work, eps: Sequence[float], care: Care, first: Check) -> Findings:
    """Check outputs and gradients on a few images; find the gradient that leads furthest.

    ``first`` is the check for randomised outputs, which precedes all others.
    """
    subject = right_ones(work, eps, care)
    if not len(subject.x):
        return Findings([first], {})
    random = first.state == "fail"
    skipped = Check("wrong_gradients", "not applicable", "The model's answers are random.")
    checks = [first, real_logits(subject), some_gradient(subject),
              skipped if random else true_gradient(subject), unsaturated(subject)]  # fmt: skip
    changes, check = best_guide(subject)
    return Findings([*checks, check], changes)


def recalled(work: Work, eps: Sequence[float], care: Care, told: Mapping[str, Any]) -> Findings:
    """Return the findings that `written` stored."""
    subject, changes = right_ones(work, eps, care), dict[str, Change]()
    with repeatable(work, "recalled"):
        for name in told["changes"]:
            guided = subject._replace(guide=changed(work.model, changes))
            changes[name] = change_named(name, guided)
    return Findings([Check(**check) for check in told["checks"]], changes)


def written(findings: Findings) -> dict[str, Any]:
    """Return ``findings`` as plain values."""
    return {
        "checks": [check._asdict() for check in findings.checks],
        "changes": list(findings.changes),
    }


def conclude(
    work: Work,
    eps: Sequence[float],
    care: Care,
    findings: Findings,
    members: Sequence[Member],
    surrogates: Sequence[Classifier],
    meter: Meter,
) -> tuple[list[Check], dict[str, list[float]]]:
    """Check the result of the attacks on a few images, with the gradient that they followed last.

    Returns the checks, and the margins of surviving images during a long attack (`courses`).
    """
    low, high, changes = min(eps), max(eps), findings.changes
    right = few(work, _right(work), care.images)
    if not len(right):
        return [above_guessing(work)], {}
    edge = last_stand(work, eps)
    left = edge.loc[few(work, edge.index.to_numpy(), care.images)]
    reached = measured(work, "checks", _trials(eps, care, right, left), changes, meter)
    free, *attacked, lucky, one_step, broken = (margins > 0 for margins in reached)
    hard = left[~broken.numpy()]
    queries = care.queries * (1 if set(changes) <= TRUE else DOUBT)
    last = [_at_edges(name, hard) for name in ("check/climb:100", f"check/square:{queries}")]
    course, scores = measured(work, "checks of surviving images", last, changes, meter)
    rest = subject_at(work, hard.index.tolist(), eps)
    guided = subject_at(work, right.tolist(), eps)._replace(guide=changed(work.model, changes))
    return [
        above_guessing(work),
        beats_noise(high, lucky, attacked[-1]),
        beats_one_step(low, one_step, attacked[0]),
        monotone(attacked),
        unbounded(free),
        by_effort(broken, care.steps),
        climbing(course),
        by_scores(scores > 0, queries, led_by_scores(work)),
        by_transfer(
            rest,
            torch.tensor(hard.to_numpy()).to(rest.x),
            {each.name: rest._replace(guide=each) for each in surrogates},
        ),
        keeps_success(guided, members),
        valid(work),
    ], courses(course)


def _trials(eps: Sequence[float], care: Care, right: np.ndarray, left: pd.Series) -> list[Trial]:
    """Return the attacks on correct samples (``right``) and on survivors (``left``)."""
    return [
        Trial("check/free:50", 1.0, right),
        *(Trial("check/pgd:20", value, right) for value in sorted(eps)),
        Trial("check/noise:20", max(eps), right),
        Trial("check/fgsm:1", min(eps), right),
        _at_edges(f"check/longer:{care.steps}", left),
    ]


def _at_edges(label: str, edge: pd.Series) -> Trial:
    """Return an attack on surviving samples, each at the largest eps that it survives."""
    return Trial(label, edge.to_numpy(), edge.index.to_numpy())


def sound(work: Work, eps: Sequence[float], care: Care, findings: Findings) -> bool:
    """Return whether the gradient that attacks followed last exists and agrees with the outputs.

    A smoothed gradient is an approximation and does not count: the gradient below it must be sound,
    and smoothing alone is used only where that one was not.
    """
    kept = {name: change for name, change in findings.changes.items() if name != "smoothed"}
    if findings.changes and not kept:
        return False
    guided = right_ones(work, eps, care)._replace(guide=changed(work.model, kept))
    if not _follows_the_vote(work.model, guided, kept):
        return False
    checks = [some_gradient(guided)]
    random = any(c.name == "randomised_predictions" and c.state == "fail" for c in findings.checks)
    if not random and set(kept) <= TRUE:
        checks.append(true_gradient(guided))
    return all(check.state != "fail" for check in checks)


def _follows_the_vote(model: Model, guided: Subject, kept: Mapping[str, Change]) -> bool:
    """Return whether the guide knows how close another class is to winning a majority vote.

    A softmax in place of each vote does not; inner logits do, unless they are those of one voter.
    """
    if "inner_logits" in kept:
        return turns_alike(guided)
    return "straight_through" not in kept or VOTE not in detours(model, guided.x[:1])


def right_ones(work: Work, eps: Sequence[float], care: Care) -> Subject:
    """Return the few correctly classified samples on which checks run."""
    return subject_of(work, _right(work), care.images, eps)


def _right(work: Work) -> np.ndarray:
    return right_when_clean(work)["position"].to_numpy(dtype=int)
