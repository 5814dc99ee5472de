"""The remaining units of an attack, run here or in a pool and written to the ledger.

Rows do not depend on the process or on the size of the unit.
"""

import json
import math
import time
from collections.abc import Callable, Iterator
from hashlib import blake2b
from typing import Any

import numpy as np
from torch import nn

from advkit.data.samples import take
from advkit.engine import metered
from advkit.errors import InputError, ResourceError
from advkit.evaluate.fingerprint import answers
from advkit.evaluate.measure import measure
from advkit.evaluate.memory import halved
from advkit.evaluate.randomised import once
from advkit.evaluate.stage_context import Attempt, Work, aim_of, all_units, repeatable
from advkit.evaluate.units import Failed, Outcome, Shard, Unit
from advkit.evaluate.workers import each
from advkit.models.classifier import Classifier


class FailedUnitsError(ResourceError):
    """Some units were given up; all others are done."""


Start = Callable[[list[int]], np.ndarray]


def run_shards(
    work: Work, label: str, eps: float, who: np.ndarray, attack: Attempt, start: Start | None = None
) -> None:
    """Run ``attack`` on the samples at ``who`` that have no row for it; judge, and save.

    A unit given up by another process counts as failed and is not repeated before `retry`.
    ``start`` gives the examples from which a unit starts, if any.
    """
    left = _left(work, label, eps, who)
    pool = work.pool if work.pool and work.pool.knows(label) else None
    jobs = pool.jobs if pool else work.jobs
    queue = Queue(left, even_size(len(left), work.batch_size, jobs))

    def here(pair: Pair, at: list[int]) -> list[Outcome]:
        return [*halved(lambda part: shard_of(work, pair, label, eps, part, attack), at)]

    def units() -> Iterator[Unit]:
        for at in queue:
            yield Unit(label, eps, at, work.bfloat16, start(at) if start else None)

    pair = Pair(work.model, work.copy)
    done = pool.run(units()) if pool else each(here, pair, queue, work.jobs)
    stage, finished = label if math.isinf(eps) else f"{label} at {eps:.4g}", 0
    for outcomes in done:
        finished += sum(_keep(work, outcome) for outcome in outcomes)
        queue.at_most(max(_size(outcome) for outcome in outcomes))
        work.progress(stage, finished, len(left))


def check_complete(work: Work) -> None:
    """Raise FailedUnitsError if units were given up: results without them would be wrong."""
    failed = work.store.frame("failures")
    if len(failed):
        first, n = failed.iloc[0], sum(len(json.loads(ids)) for ids in failed["ids"])
        raise FailedUnitsError(
            f"{len(failed)} units of {n} samples failed, first {first['attack']} at eps "
            f"{first['eps']:g} on {', '.join(json.loads(first['ids'])[:3])}: {first['error']}",
            f"all others are done and safe; to try these again: "
            f"advkit retry --errors {work.store.path}",
        )


def _left(work: Work, label: str, eps: float, who: np.ndarray) -> list[int]:
    done = work.store.ids_done(label, eps)
    mine = who if work.only is None else who[np.isin(who, work.only)]
    return [int(i) for i in mine if work.samples.ids[i] not in done]


def _keep(work: Work, outcome: Outcome) -> int:
    if isinstance(outcome, Failed):
        names = [work.samples.ids[i] for i in outcome.unit.at]
        work.store.add_failure(outcome, shard_name(outcome.unit), names)
    else:
        work.store.add_shard(*outcome)
    return _size(outcome)


def _size(outcome: Outcome) -> int:
    return len(outcome.unit.at if isinstance(outcome, Failed) else outcome.rows)


class Queue:
    """Positions in order, ``size`` at a time; fewer after memory ran out."""

    def __init__(self, left: list[int], size: int) -> None:
        self._left, self._size, self._next = left, size, 0

    def __iter__(self) -> Iterator[list[int]]:
        while self._next < len(self._left):
            at = self._left[self._next : self._next + self._size]
            self._next += len(at)
            yield at

    def at_most(self, size: int) -> None:
        """Return no more than ``size`` positions from now on, unless none are left."""
        if size < self._size and self._next < len(self._left):
            self._size = size


class Pair(nn.Module):
    """A model, and the model that attacks query: its faster copy, or itself."""

    def __init__(self, model: Classifier, copy: Classifier | None) -> None:
        super().__init__()
        self.model, self.quick = model, copy or model


def even_size(samples: int, most: int, jobs: int) -> int:
    """Return an even shard size, at most ``most``, that gives each job equally many."""
    rounds = math.ceil(samples / (most * jobs))
    return max(math.ceil(samples / max(rounds * jobs, 1)), 1)


def shard_of(
    work: Work, pair: Pair, label: str, eps: float, at: list[int], attack: Attempt
) -> Shard:
    """Return rows, saved examples and cost of ``attack`` on the samples ``at``."""
    with repeatable(work, label, eps, at[0]):
        found = _seen(work, pair, label, eps, at, attack)
    check_unchanged(work, once(pair.model))
    return found


def check_unchanged(work: Work, model: Classifier) -> None:
    """Raise InputError if the outputs of ``model`` have changed since the run began.

    Rows of a model that changes its own state, or is changed by an attack, are not reproducible.
    """
    if work.answers and answers(model, work.samples.x) != work.answers:
        raise InputError(
            f"the model {model.name} no longer answers as it did when the run started: it "
            "changes its own state, its outputs are random, or an attack modified it",
            "make forward() leave the model as it is; advkit audit accepts models with random "
            "outputs",
        )


def _seen(work: Work, pair: Pair, label: str, eps: float, at: list[int], attack: Attempt) -> Shard:
    began = time.perf_counter()
    with metered(once(pair.model), once(pair.quick)) as meter:
        x_adv = attack(pair.model, pair.quick, at).detach().float()
    cost: dict[str, Any] = {
        "attack": label,
        "eps": eps,
        "tried": len(at),
        "forwards": meter.forwards,
        "backwards": meter.backwards,
        "seconds": time.perf_counter() - began,
    }
    part = take(work.samples, at)
    aim = aim_of(work, at)
    judge = work.judge or pair.model
    rows = measure(judge, part.x, part.y, x_adv, norm=work.norm, eps=eps, targets=aim,
                   units=all_units(part))  # fmt: skip
    keep = rows["fooled"].to_numpy(dtype=bool) | work.keep_all
    row = np.where(keep, keep.cumsum() - 1, -1)
    rows = rows.assign(id=part.ids, attack=label, eps=eps, row=row)
    rows = rows.drop(columns="right")
    name = shard_name(Unit(label, eps, at))
    return Shard(name, rows, x_adv.cpu().numpy()[keep], cost)


def shard_name(unit: Unit) -> str:
    """Return a file name that is unique for attack, eps and first sample."""
    plain = "".join(c if c.isalnum() else "-" for c in unit.label)[:60]
    tag = blake2b(unit.label.encode(), digest_size=4).hexdigest()
    return f"{plain}-{tag}-{unit.eps!r}-{unit.at[0]:06d}"
