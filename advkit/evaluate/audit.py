"""The audit of one model on one set of samples, resumable in its run directory."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from advkit.data.samples import Samples
from advkit.errors import EmptyError
from advkit.evaluate.attempts import LINE_SEARCH
from advkit.evaluate.black_box_run import announce_cost, check_gradients, suite_for
from advkit.evaluate.bracket import Bracket, bracket_summary, bracketed
from advkit.evaluate.budget import USUAL, Budget, budget, forecast, seconds_of, speed
from advkit.evaluate.checked_run import Attacked, run_attacks, run_checked
from advkit.evaluate.class_names import class_notes
from advkit.evaluate.estimate import checks_cost, judge_cost, seconds_left
from advkit.evaluate.fingerprint import now
from advkit.evaluate.gradient_checks import same_answers
from advkit.evaluate.model_checks import check_alone
from advkit.evaluate.portions import Portion, write_shard
from advkit.evaluate.proof_checks import check_sound, try_proofs
from advkit.evaluate.randomised import (
    ASKED,
    ATTACKED,
    OnAverage,
    Settled,
    draws_of,
    spread,
)
from advkit.evaluate.reactions import adapted
from advkit.evaluate.report_examples import write_exhibits
from advkit.evaluate.run_folder import write_json, write_text
from advkit.evaluate.run_progress import Tracker
from advkit.evaluate.run_record import begin, describe, ingredients, told_classes
from advkit.evaluate.stage_context import Progress, Work, judge_clean
from advkit.evaluate.store import open_store
from advkit.evaluate.suite import Plan, plan_of
from advkit.evaluate.suites import SUITES, Care, stronger, suite_of
from advkit.evaluate.summary import per_sample, summarise
from advkit.evaluate.supervisor import Crew
from advkit.evaluate.trust_verdict import settled
from advkit.evaluate.worker_pools import pooled
from advkit.evaluate.workers import default_batch, default_jobs, one_thread_each
from advkit.models.classifier import LEAST, Classifier
from advkit.models.folding import folded
from advkit.models.probe import check_same_classes, probe

UNANSWERED = "{} adversarial examples gave logits that are not finite; none counts as fooled."


def audit(
    model: Classifier,
    samples: Samples,
    *,
    norm: str = "Linf",
    eps: Sequence[float],
    suite: str = "standard",
    attacks: Sequence[str] = (),
    seed: int = 0,
    batch_size: int | None = None,
    jobs: int | None = None,
    out: Path,
    fresh: bool = False,
    asked: Mapping[str, str] | None = None,
    surrogates: Sequence[Classifier] = (),
    fold: bool = True,
    bfloat16: bool = False,
    bounds: str = "auto",
    seconds: float = 10.0,
    progress: Progress = lambda _what, _done, _total: None,
    announce: Callable[[str], None] | None = None,
    crew: Crew | None = None,
    shard: Portion | None = None,
) -> dict[str, Any]:
    """Attack, judge and summarise; return the summary that `run.json` holds too.

    ``attacks`` replaces ``suite``: each is then run at every eps. ``asked`` holds ``model`` and
    ``data`` as specified by the user and the ``command``, for the record. ``jobs`` shards of at
    most ``batch_size`` samples run in parallel, by default one per core. As a check, examples made
    for ``surrogates`` are tried on ``model``. Attacks query a copy of the model with batch norms
    ``fold``ed if possible, and in ``bfloat16`` if requested (all but the last, long ones); what
    they find is confirmed by the model itself. ``bounds`` is one of `proof_methods.WAYS`: certified
    samples are not attacked; ``seconds`` is the time limit per sample for branch and bound.
    ``announce`` is called with the budget. ``crew`` runs the attacks in other processes. With
    ``shard``, only the attacks on its samples are run; `merging.merge` combines shards, and the
    same call on the merged directory does the rest. Finished work stays in ``out`` after an error;
    the same call resumes it.

    Raises AdvkitError for errors that the user can fix.
    """
    if not len(samples.ids):
        raise EmptyError(f"{samples.name} has no samples", "nothing was evaluated")
    chosen = suite_of(attacks) if attacks else suite_for(model, suite, norm)
    plan = plan_of(chosen, norm)
    name = None if attacks or model.black_box else stronger(suite)
    above = (name, plan_of(SUITES[name][norm], norm)) if name else None
    known = [plan, *([above[1]] if above else [])]
    labels = [member.label for each in known for member in each.members()]
    check_gradients(model, plan.members())
    bounds = "off" if model.black_box and bounds == "auto" else bounds
    foreseen = budget(plan, len(eps), told_classes(model, samples))
    most = foreseen.most if foreseen else USUAL * len(eps)
    announce_cost(model, most, samples, batch_size, announce)  # before the first query to a service
    notes = _looked_at(model, samples, surrogates)
    copy = folded(model, samples.x[:LEAST]) if fold else None
    habits = {"folded": copy is not None, "bfloat16": bfloat16}
    made_of = {
        **ingredients(model, samples, norm, eps, list(plan.members()), seed),
        "bounds": bounds,
        "surrogates": [other.fingerprint() for other in surrogates],
        **{name: True for name, kept in habits.items() if kept},
    }
    record = {
        "made_of": made_of,
        **describe(model, samples, made_of, asked or {}),
        "suite": "custom" if attacks else suite,
        "seed": seed,
        "batch_size": batch_size or default_batch(samples.x[0].numel()),
        "jobs": (crew.jobs if crew else jobs) or default_jobs(samples.x.device),
        "notes": notes,
    }
    with (
        open_store(out, fresh=fresh, command="audit") as store,
        one_thread_each(),
        pooled(crew, model, samples, labels, norm=norm, seed=seed, fold=copy is not None) as pool,
    ):
        begun, told = begin(store, record, out), Tracker(out, progress)
        first = same_answers(spread(model, samples.x[:LEAST]))
        work = Work(model, samples, norm, seed, record["batch_size"], record["jobs"], store,
                    told, copy=copy, bfloat16=bfloat16, pool=pool, answers=made_of["answers"],
                    only=shard and shard.of(len(samples.ids)))  # fmt: skip
        work = _on_average(work) if first.state == "fail" else work
        judge_clean(work)
        plan = plan if model.black_box else adapted(work, plan, {})
        told.estimate = partial(seconds_left, work, plan, eps, chosen.care)
        foreseen = budget(plan, len(eps), model.n_classes)
        if announce and foreseen:
            foretold = _foretold(work, plan, foreseen, chosen.care, eps)
            announce(f"suite {record['suite']}: {foretold}{_told(habits)}")
        bracket = bracketed(work, eps, bounds, foreseen.usual if foreseen else USUAL, seconds)
        attacked = run_attacks(work, plan, chosen.care, eps, first, above)
        if shard:
            return write_shard(out, begun, shard)
        numbers, table = _findings(work, attacked, bracket, chosen.care, eps, surrogates)
        summary = _completed({**begun, **numbers})
        write_text(out, "samples.csv", table.to_csv(index=False))
        write_exhibits(work, max(eps))
        write_json(out, "run.json", summary)
        return summary


def _looked_at(model: Classifier, samples: Samples, surrogates: Sequence[Classifier]) -> list[str]:
    """Check that model and samples fit; return the notes. Raises AdvkitError."""
    notes = [*samples.notes, *probe(model, samples.x, samples.y), *class_notes(model, samples)]
    check_alone(model, samples.x)
    for other in surrogates:
        probe(other, samples.x, samples.y)
        class_notes(other, samples)
    check_same_classes([(each.name, each.n_classes) for each in (model, *surrogates)])
    return notes


def _on_average(work: Work) -> Work:
    """Return the work for a randomised model: attacks and judge average several queries.

    For a black box the number of queries of a judgement is fixed, so that the cost is known.
    """
    average = OnAverage(work.model, ATTACKED)
    judge = (OnAverage if work.model.black_box else Settled)(work.model, ASKED)
    return work._replace(model=average, judge=judge, jobs=1, copy=None, pool=None,
                         answers="")  # fmt: skip


def _foretold(work: Work, plan: Plan, foreseen: Budget, care: Care, eps: Sequence[float]) -> str:
    rate, images = speed(work.model, work.samples, work.batch_size), len(work.samples.ids)
    draws = draws_of(work.model)
    if work.pool:  # worker processes, which do not share Python's lock
        rate = rate._replace(alone=0.0)
    queries = (checks_cost(work, eps, care) + judge_cost(work, plan, eps)) / draws
    passes = Budget(foreseen.most * draws, foreseen.usual * draws)
    return forecast(passes, images, seconds_of(foreseen, images, rate, work.jobs, queries))


def _findings(
    work: Work,
    attacked: Attacked,
    bracket: Bracket,
    care: Care,
    eps: Sequence[float],
    surrogates: Sequence[Classifier],
) -> tuple[dict[str, Any], pd.DataFrame]:
    """Check the results and seek proofs; return the numbers and the table of samples."""
    order, trust = run_checked(work, attacked, care, eps, surrogates)
    check_sound(work)
    try_proofs(work, eps)
    table = per_sample(work, eps)
    both = bracket_summary(work, bracket, eps, table)
    trust = settled(trust, both["certified"])
    numbers = summarise(work, eps, [*order, LINE_SEARCH], trust, table)
    return {**numbers, "bracket": both}, table


def _completed(summary: dict[str, Any]) -> dict[str, Any]:
    """Return the summary with the options of its attacks, a last note, and the end time."""
    unanswered, notes = summary["not_finite"], summary["notes"]
    attacks = [
        {**row, "options": summary["options"].get(row["attack"], {})} for row in summary["attacks"]
    ]
    return {
        **summary,
        "notes": [*notes, UNANSWERED.format(unanswered)] if unanswered else notes,
        "attacks": attacks,
        "finished": summary["finished"] or now(),
    }


def _told(habits: Mapping[str, bool]) -> str:
    words = {"folded": "batch norms folded for attacks", "bfloat16": "attacks in bfloat16"}
    return "".join(f"; {words[name]}" for name, kept in habits.items() if kept)
