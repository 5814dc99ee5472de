"""The function with which a worker does units: same model, samples and settings as the run."""

from collections.abc import Callable, Mapping
from typing import Any

import torch

from advkit.attacks import ATTACKS, Member, parse
from advkit.data.samples import Samples, fingerprint
from advkit.errors import AdvkitError
from advkit.evaluate.attempts import LINE_SEARCH, by_member, nearer
from advkit.evaluate.check_units import is_trial, trial_of
from advkit.evaluate.fingerprint import answers, check_same
from advkit.evaluate.memory import halved, is_out_of_memory
from advkit.evaluate.shards import Pair, Start, shard_of
from advkit.evaluate.stage_context import Attempt, Work
from advkit.evaluate.units import Do, Failed, Outcome, Shard, Unit
from advkit.models.classifier import LEAST, Classifier
from advkit.models.folding import folded
from advkit.models.probe import probe


def same_as(model: Classifier, samples: Samples) -> dict[str, str]:
    """Return the digests that must agree wherever units of a run are done."""
    return {
        "model": model.fingerprint(),
        "answers": answers(model, samples.x),
        "data": fingerprint(samples),
    }


def bench(
    model: Classifier,
    samples: Samples,
    recipe: Mapping[str, Any],
    member: Callable[[str], Member] = lambda label: parse(label, ATTACKS),
) -> Do:
    """Return the function that does units on ``model`` and ``samples``, as set by ``recipe``.

    The recipe has ``same`` (of `same_as`), ``norm``, ``seed``, ``fold``, ``targets`` and
    ``keep_all``; ``member`` returns the attack of a label. Raises InputError if outputs of the
    model or the data differ here.
    """
    torch.set_num_threads(1)
    probe(model, samples.x, samples.y)
    check_same(recipe["same"], same_as(model, samples), "the run, and the worker,")
    aim = recipe["targets"]
    work = Work(
        model, samples, recipe["norm"], recipe["seed"], 1, 1, None, _silent,  # type: ignore[arg-type]
        None if aim is None else torch.tensor(aim, device=samples.y.device), recipe["keep_all"],
        copy=folded(model, samples.x[:LEAST]) if recipe["fold"] else None,
        answers=recipe["same"]["answers"],
    )  # fmt: skip

    def do(unit: Unit) -> list[Outcome]:
        mine = work._replace(bfloat16=unit.bfloat16)
        if is_trial(unit.label):
            return _by_halves(unit, lambda at: trial_of(mine, unit, at, {}))
        attempt, pair = _attempt(mine, unit, member), Pair(mine.model, mine.copy)
        return _by_halves(unit, lambda at: shard_of(mine, pair, unit.label, unit.eps, at, attempt))

    return do


def _silent(_what: str, _done: int, _total: int) -> None:
    pass


def _attempt(work: Work, unit: Unit, member: Callable[[str], Member]) -> Attempt:
    start = _start(unit)
    if unit.label != LINE_SEARCH:
        return by_member(work, member(unit.label), unit.eps, start)
    assert start is not None  # noqa: S101
    return lambda model, _quick, at: nearer(work, model, at, start(at))


def _start(unit: Unit) -> Start | None:
    """Return a function from positions to the examples that a unit starts from, if any."""
    if (known := unit.start) is None:
        return None
    place = {position: i for i, position in enumerate(unit.at)}
    return lambda at: known[[place[i] for i in at]]


def _by_halves(unit: Unit, shard: Callable[[list[int]], Shard]) -> list[Outcome]:
    """Do a unit; if a sample makes the model fail, isolate it by bisection and do the others."""
    try:
        return [*halved(shard, unit.at)]
    except Exception as error:
        text = str(error) if isinstance(error, AdvkitError) else f"{type(error).__name__}: {error}"
        if len(unit.at) == 1 or is_out_of_memory(error):
            return [Failed(unit, text, 1)]
    middle = len(unit.at) // 2
    parts = (unit._replace(at=unit.at[:middle]), unit._replace(at=unit.at[middle:]))
    return [one for part in parts for one in _by_halves(part, shard)]
