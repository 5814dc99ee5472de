"""The state shared by all stages of an audit (model, samples, ledger); ledger queries."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import NamedTuple

import numpy as np
import pandas as pd
from torch import Tensor

from advkit.data.samples import Samples, take, units
from advkit.engine import NORMS
from advkit.errors import InputError
from advkit.evaluate.measure import measure, slack
from advkit.evaluate.memory import halved
from advkit.evaluate.randomised import seeded
from advkit.evaluate.store import Store
from advkit.evaluate.units import Pool
from advkit.models.classifier import Classifier

Progress = Callable[[str, int, int], None]
"""Called with (what runs, samples done, samples in all)."""


Attempt = Callable[[Classifier, Classifier, list[int]], Tensor]
"""Returns adversarial examples for the samples at some positions, given the model and the model
that attacks query in its place."""


class Work(NamedTuple):
    """The state that every stage of an audit shares.

    ``targets`` (n,) are the target classes, if any: no other class then counts as fooled. With
    ``keep_all`` examples that do not fool are saved as well. ``judge`` replaces the model as judge
    if the model is randomised (`OnAverage`). ``pool`` runs units in other processes; ``only`` are
    the positions that this run attacks if others attack the rest; ``answers`` is
    `fingerprint.answers` of the model at the start of the run.
    """

    model: Classifier
    samples: Samples
    norm: str
    seed: int
    batch_size: int
    jobs: int
    store: Store
    progress: Progress
    targets: Tensor | None = None
    keep_all: bool = False
    judge: Classifier | None = None
    copy: Classifier | None = None
    bfloat16: bool = False
    pool: Pool | None = None
    only: np.ndarray | None = None
    answers: str = ""


def judge_clean(work: Work) -> None:
    """Write the clean row of every sample that has none.

    Raises InputError if the model's logits are not finite.
    """
    known = set(work.store.frame("samples")["id"])
    left = [i for i, name in enumerate(work.samples.ids) if name not in known]
    for start in range(0, len(left), work.batch_size):
        at = left[start : start + work.batch_size]
        for rows in halved(lambda part: _clean_rows(work, part), at):
            work.store.add_samples(rows)
        work.progress("clean", start + len(at), len(left))


def _clean_rows(work: Work, at: list[int]) -> pd.DataFrame:
    part = take(work.samples, at)
    with repeatable(work, "clean", at[0]):
        judge = work.judge or work.model
        rows = measure(judge, part.x, part.y, part.x, norm=work.norm, eps=0.0)
    bad = np.flatnonzero(~np.isfinite(rows["margin"]))
    if len(bad):
        raise InputError(
            f"the model {work.model.name} gives logits that are not finite, first for sample "
            f"{part.ids[bad[0]]}",
            "check its preprocessing and weights",
            code="E306",
        )
    rows = rows[["label", "prediction", "confidence", "margin"]]
    return rows.assign(position=at, id=part.ids)


def right_when_clean(work: Work) -> pd.DataFrame:
    """Return the clean rows of the correctly classified samples; a tie is not correct."""
    clean = work.store.frame("samples")
    return clean[clean["margin"] < 0]


def nearest_examples(work: Work) -> pd.DataFrame:
    """Return the row of the smallest valid fooling example of every sample that has one.

    Only of samples classified correctly when clean; by position.
    """
    clean = right_when_clean(work)[["id", "position"]]
    results = work.store.frame("results").merge(clean, on="id")
    found = results[results["fooled"] & results["valid"]]
    return found.sort_values([work.norm, "attack"]).drop_duplicates("id").sort_values("position")


def nearest_within(work: Work, eps: float) -> pd.DataFrame:
    """Return those of `nearest_examples` that count as within ``eps``."""
    found = nearest_examples(work)
    return found[found[work.norm] <= room(work, eps)]


def smallest(work: Work) -> pd.Series:
    """Return by position the size of the smallest example; infinity if there is none.

    Only of samples classified correctly when clean.
    """
    found = nearest_examples(work).set_index("position")[work.norm]
    return found.reindex(right_when_clean(work)["position"], fill_value=np.inf)


def distances_by_id(work: Work) -> pd.Series:
    """Return by id the size of the smallest example of every sample that has one."""
    return nearest_examples(work).set_index("id")[work.norm]


def room(work: Work, eps: float) -> float:
    """Return the size up to which an example counts as within ``eps``, with float32 rounding."""
    return eps * (1 + 1e-6) + slack(work.norm, work.samples.x[:1], units(work.samples, work.norm))


def standing(work: Work, eps: float) -> np.ndarray:
    """Return the positions of the samples classified correctly that survive ``eps``."""
    sizes = smallest(work)
    return sizes.index[sizes > room(work, eps)].to_numpy(dtype=int)


def last_stand(work: Work, eps: Sequence[float]) -> pd.Series:
    """Return by position the largest ``eps`` that a sample survives, if it survives any.

    Sorted by position.
    """
    largest = {at: value for value in sorted(eps) for at in standing(work, value).tolist()}
    return pd.Series(largest, dtype=float).sort_index()


def all_units(samples: Samples) -> dict[str, Tensor | None]:
    """Return the `units` of every norm, as `measure` takes them."""
    return {name: units(samples, name) for name in NORMS}


def aim_of(work: Work, at: list[int]) -> Tensor | None:
    """Return the targets of the samples at these positions, None for untargeted attacks."""
    return None if work.targets is None else work.targets[at]


def repeatable(work: Work, *purpose: object) -> AbstractContextManager[None]:
    """Return a context in which the random outputs of a model are reproducible."""
    return seeded(work.seed, *purpose) if work.judge else nullcontext()
