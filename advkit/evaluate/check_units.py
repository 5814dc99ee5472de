"""The attacks that checks run, as units of work that give the same results in any process."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from advkit.attacks.auto_pgd_targeted import apgd_targeted
from advkit.attacks.fast_gradient import fgsm
from advkit.attacks.projected_gradient import course, pgd
from advkit.attacks.race_of_targets import race
from advkit.attacks.random_noise import noise
from advkit.attacks.square_attack import square
from advkit.engine import Meter, metered
from advkit.evaluate.memory import halved
from advkit.evaluate.randomised import evenly, once
from advkit.evaluate.shards import (
    FailedUnitsError,
    Pair,
    check_unchanged,
    even_size,
    shard_name,
)
from advkit.evaluate.stage_context import Work
from advkit.evaluate.subject import Subject, subject_at
from advkit.evaluate.surrogates import Change, changed
from advkit.evaluate.units import Failed, Outcome, Shard, Unit
from advkit.evaluate.workers import each

CLIMB = (0, 5, 20, 50, 100)
"""Steps of PGD after which the margins of surviving images are recorded."""


class Trial(NamedTuple):
    """One of `TRIALS` with its effort, as in ``check/pgd:20``, on the samples ``at`` (n,).

    ``eps`` is shared by all samples, or one per sample.
    """

    label: str
    eps: float | np.ndarray
    at: np.ndarray

    @property
    def each(self) -> np.ndarray:
        """The eps of every sample (n,)."""
        return np.broadcast_to(self.eps, self.at.shape)

    def by_sample(self) -> list[tuple[str, float, int]]:
        """Return label, eps and position of every sample."""
        pairs = zip(self.each.tolist(), self.at.tolist(), strict=True)
        return [(self.label, value, at) for value, at in pairs]

    def units(self, size: int) -> Iterator[Unit]:
        """Yield units of up to ``size`` samples."""
        for start in range(0, len(self.at), size):
            each = self.each[start : start + size].tolist()
            at = self.at[start : start + size].tolist()
            yield Unit(self.label, max(each), at, each=each)


def climbed(subject: Subject) -> Tensor:
    """Return the best margin that PGD has reached after each number of steps in `CLIMB`, (n, 5)."""
    found = subject.after(course, subject.eps[-1], marks=CLIMB[1:])
    return torch.stack([subject.margins(x) for x in (subject.x, *found)], 1)


def _free(subject: Subject, steps: int) -> Tensor:
    """Return the margins that PGD reaches without an eps limit."""
    return _climbed_to(subject._replace(norm="Linf", eps=[1.0], unit=None), steps)


def _climbed_to(subject: Subject, steps: int) -> Tensor:
    """Return the margins that PGD reaches; on a random model beyond the first point that fools."""
    return subject.reached(pgd, steps=steps, loss="margin", stop=not subject.random)


def _longer(subject: Subject, steps: int) -> Tensor:
    """Return the margins that longer attacks reach, of three times ``steps`` in all.

    In Linf three targets get a third of the steps each. In L2 and L1, attacks within a ball miss
    the nearest examples of some nets: a race gets two thirds, one target the rest.
    """
    again = subject._replace(seed=subject.seed + 1)
    balls = partial(again.reached, apgd_targeted, steps=steps, try_steps=5)
    if subject.norm == "Linf":
        return balls(n_targets=3)
    return torch.maximum(again.reached(race, steps=2 * steps), balls(n_targets=1))


def _by_scores(subject: Subject, queries: int) -> Tensor:
    """Return the margins that a score-based attack on the model itself reaches."""
    return subject._replace(guide=evenly(subject.model)).reached(square, queries=queries)


TRIALS: dict[str, Callable[[Subject, int], Tensor]] = {
    "check/pgd": _climbed_to,
    "check/noise": lambda subject, draws: subject.reached(noise, draws=draws),
    "check/fgsm": lambda subject, _: subject.reached(fgsm),
    "check/free": _free,
    "check/longer": _longer,
    "check/climb": lambda subject, _: climbed(subject),
    "check/square": _by_scores,
}
"""Each returns margins of the model itself, one row per image, the same in any batch."""


def is_trial(label: str) -> bool:
    """Return whether a unit of this label is a `Trial`."""
    return label.partition(":")[0] in TRIALS


def trial_of(work: Work, unit: Unit, at: list[int], changes: Mapping[str, Change]) -> Shard:
    """Return the margins of a unit, with eps and position as rows, and their cost in passes.

    Attacks follow the gradient of the model with ``changes``; without any that of its faster copy,
    as the attacks of the audit do.
    """
    name, _, effort = unit.label.partition(":")
    assert unit.each is not None  # noqa: S101 - see `Trial.units`
    given = dict(zip(unit.at, unit.each, strict=True))
    each, quick = [given[i] for i in at], work.copy or work.model
    guide = changed(work.model, changes) if changes else quick
    with metered(once(work.model), once(quick)) as meter:
        margins = TRIALS[name](_subject(work, at, each)._replace(guide=guide), int(effort))
    check_unchanged(work, once(work.model))
    cost = {
        "attack": unit.label,
        "forwards": meter.forwards,
        "backwards": meter.backwards,
    }
    rows = pd.DataFrame({"eps": each, "position": at})
    return Shard(shard_name(unit), rows, margins.cpu().numpy(), cost)


def _subject(work: Work, at: list[int], each: list[float]) -> Subject:
    """Return the samples ``at``, for attacks within the eps of ``each`` (n,)."""
    subject = subject_at(work, at, [1.0])
    eps = subject.x.new_tensor(each)
    return subject._replace(unit=eps if subject.unit is None else eps * subject.unit)


def measured(
    work: Work, stage: str, trials: Sequence[Trial], changes: Mapping[str, Change], meter: Meter
) -> list[Tensor]:
    """Return the margins of every trial, in the order of its samples.

    The passes are added to ``meter``, whichever process made them. Raises FailedUnitsError for
    units that were given up.
    """
    before, found = (meter.forwards, meter.backwards), dict[tuple[str, float, int], np.ndarray]()
    shards = list(_shards(work, stage, trials, changes))
    for _, rows, margins, cost in shards:
        places = zip(rows["eps"].tolist(), rows["position"].tolist(), strict=True)
        found.update(zip([(cost["attack"], *place) for place in places], margins, strict=True))
    # The meter has counted the passes of this thread already, but not those of others.
    meter.forwards = before[0] + sum(shard.cost["forwards"] for shard in shards)
    meter.backwards = before[1] + sum(shard.cost["backwards"] for shard in shards)
    return [
        torch.tensor(np.array([found[sample] for sample in trial.by_sample()])) for trial in trials
    ]


def _shards(
    work: Work, stage: str, trials: Sequence[Trial], changes: Mapping[str, Change]
) -> Iterator[Shard]:
    """Run all trials: in the pool if there is one and no gradient is substituted; else here."""
    pool = None if changes else work.pool
    jobs = pool.jobs if pool else work.jobs
    units = [unit for trial in trials for unit in trial.units(_size(work, len(trial.at), jobs))]

    def here(pair: Pair, unit: Unit) -> list[Outcome]:
        mine = work._replace(model=pair.model, copy=pair.quick)
        return [*halved(lambda at: trial_of(mine, unit, at, changes), unit.at)]

    pair = Pair(work.model, work.copy)
    done = pool.run(units) if pool else each(here, pair, units, work.jobs)
    for finished, outcomes in enumerate(done, 1):
        for outcome in outcomes:
            if isinstance(outcome, Failed):
                raise FailedUnitsError(
                    f"the check {outcome.unit.label} failed: {outcome.error}",
                    f"all attacks are done and safe; to resume: advkit resume {work.store.path}",
                )
            yield outcome
        work.progress(stage, finished, len(units))


def _size(work: Work, samples: int, jobs: int) -> int:
    """Return an even unit size, but not so small that a step costs as much as for a larger one."""
    return max(even_size(samples, work.batch_size, jobs), work.batch_size // 16)
