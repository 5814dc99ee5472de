"""The run of a single attack on all samples, resumable in its run directory."""

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from advkit.data.samples import Samples
from advkit.errors import EmptyError
from advkit.evaluate.attack_plan import Plan, goals
from advkit.evaluate.attack_summary import (
    Examples,
    examples_of,
    judged,
    portions,
    summarised,
    to_attack,
)
from advkit.evaluate.attempts import run_member
from advkit.evaluate.black_box_run import announce_cost
from advkit.evaluate.budget import USUAL, passes_of
from advkit.evaluate.class_names import class_notes
from advkit.evaluate.fingerprint import now
from advkit.evaluate.model_checks import check_alone, guess_notes, slope_notes
from advkit.evaluate.run_folder import write_json, write_text
from advkit.evaluate.run_progress import Tracker
from advkit.evaluate.run_record import begin, describe, ingredients, told_classes
from advkit.evaluate.saved_arrays import LongArray, write_long
from advkit.evaluate.shards import check_complete
from advkit.evaluate.sound_files import write_pairs
from advkit.evaluate.stage_context import Progress, Work, judge_clean
from advkit.evaluate.store import open_store
from advkit.evaluate.supervisor import Crew
from advkit.evaluate.worker_pools import pooled
from advkit.evaluate.workers import default_batch, default_jobs, one_thread_each
from advkit.models.classifier import Classifier
from advkit.models.probe import probe


def attack(
    model: Classifier,
    samples: Samples,
    plan: Plan,
    *,
    seed: int = 0,
    batch_size: int | None = None,
    jobs: int | None = None,
    out: Path,
    fresh: bool = False,
    asked: Mapping[str, str] | None = None,
    progress: Progress = lambda _what, _done, _total: None,
    announce: Callable[[str], None] | None = None,
    crew: Crew | None = None,
) -> dict[str, Any]:
    """Attack every correctly classified sample; return the summary that `run.json` holds too.

    Samples that are misclassified, or whose label is their target, are left unchanged. An attack
    that makes one perturbation for all gets all samples at once. Writes `examples.npz` and
    `table.csv` into ``out``. The other parameters are those of `advkit.evaluate.audit.audit`.
    """
    if not len(samples.ids):
        raise EmptyError(f"{samples.name} has no samples", "nothing was evaluated")
    most = passes_of([plan.member], told_classes(model, samples)) or USUAL
    announce_cost(model, most, samples, batch_size, announce)  # before the first query to a service
    notes = [*plan.notes, *samples.notes, *probe(model, samples.x, samples.y)]
    check_alone(model, samples.x)
    notes += slope_notes(model, samples, plan.member)
    aim = goals(model, samples, plan.targets, seed)
    made_of = ingredients(model, samples, plan.norm, [], [plan.member], seed)
    made_of |= {"kind": "attack", "eps": plan.eps, "targets": plan.targets}
    size, threads = default_batch(samples.x[0].numel()), default_jobs(samples.x.device)
    record = {
        "made_of": made_of,
        **describe(model, samples, made_of, asked or {}),
        **{name: made_of[name] for name in ("norm", "eps", "targets", "seed")},
        "attack": plan.member.label,
        "options": plan.member.options,
        "batch_size": len(samples.ids) if plan.shared else batch_size or size,
        "jobs": 1 if plan.shared else (crew.jobs if crew else jobs) or threads,
        "notes": [*notes, *class_notes(model, samples)],
    }
    about: dict[str, Any] = {"norm": plan.norm, "seed": seed, "keep_all": True, "targets": aim}
    crew = None if plan.shared else crew
    with (
        open_store(out, fresh=fresh, command="attack") as store,
        one_thread_each(),
        pooled(crew, model, samples, [plan.member.label], **about) as pool,
    ):
        begun = begin(store, record, out)
        work = Work(model, samples, plan.norm, seed, record["batch_size"], record["jobs"], store,
                    Tracker(out, progress), aim, keep_all=True, pool=pool,
                    answers=made_of["answers"])  # fmt: skip
        judge_clean(work)
        everybody = np.arange(len(samples.ids))
        radius = math.inf if plan.eps is None else plan.eps
        run_member(work, plan.member, radius, everybody if plan.shared else to_attack(work))
        check_complete(work)
        summary = {**begun, **_finished(work, plan, radius)}
        summary["notes"] = [*begun["notes"], *guess_notes(summary["clean"], model.n_classes)]
        summary["finished"] = begun["finished"] or now()
        write_json(out, "run.json", summary)
        return summary


def _finished(work: Work, plan: Plan, radius: float) -> dict[str, Any]:
    """Judge the saved examples, write them and their table, and return the summary."""
    samples, examples = work.samples, examples_of(work)
    table = judged(work, examples, radius, plan.transform)
    _write_examples(work, examples)
    if samples.rate:
        fooled = (table["attacked"] & table["fooled"]).to_numpy(dtype=bool)
        write_pairs(work.store.path / "sounds", samples, examples, fooled)
    write_text(work.store.path, "table.csv", table.to_csv(index=False))
    return summarised(work, table, plan)


def _write_examples(work: Work, examples: Examples) -> None:
    samples, names = work.samples, work.model.classes or work.samples.classes
    write_long(
        work.store.path / "examples.npz",
        x_adv=LongArray(
            tuple(samples.x.shape), (examples(at).cpu().numpy() for at in portions(work))
        ),
        y=samples.y.cpu().numpy(),
        ids=np.array(samples.ids),
        **({"classes": np.array(names)} if names else {}),
    )
