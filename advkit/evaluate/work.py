"""One stage of an audit after the other: what is left to do, doing it shard by shard."""

import time
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from advkit.attacks import Member
from advkit.data.samples import Samples, take
from advkit.engine import metered
from advkit.errors import InputError
from advkit.evaluate.line_search import NAME, line_search
from advkit.evaluate.measure import measure, slack
from advkit.evaluate.store import Store
from advkit.evaluate.workers import each
from advkit.models.classifier import Classifier

Progress = Callable[[str, int, int], None]
"""Called with (what runs, samples done, samples in all)."""


class Work(NamedTuple):
    """What every stage of an audit needs."""

    model: Classifier
    samples: Samples
    norm: str
    seed: int
    batch_size: int
    jobs: int
    store: Store
    progress: Progress


def judge_clean(work: Work) -> None:
    """Write the clean row of every sample that has none.

    Raises InputError where the model's logits are not finite: nothing can be said of it.
    """
    known = set(work.store.frame("samples")["id"])
    left = [i for i, name in enumerate(work.samples.ids) if name not in known]
    for start in range(0, len(left), work.batch_size):
        at = left[start : start + work.batch_size]
        part = take(work.samples, at)
        rows = measure(work.model, part.x, part.y, part.x, norm=work.norm, eps=0.0)
        bad = np.flatnonzero(~np.isfinite(rows["margin"]))
        if len(bad):
            raise InputError(
                f"the model {work.model.name} gives logits that are not finite, first for sample "
                f"{part.ids[bad[0]]}",
                "check its preprocessing and weights",
            )
        rows = rows[["label", "prediction", "confidence", "margin"]]
        work.store.add_samples(rows.assign(position=at, id=part.ids))
        work.progress("clean", start + len(at), len(left))


def nearest_examples(work: Work) -> pd.DataFrame:
    """Return the row of the smallest valid fooling example of every sample that has one.

    Only of samples that are right when clean; by position.
    """
    clean = work.store.frame("samples")
    results = work.store.frame("results").merge(clean[["id", "position", "margin"]], on="id",
                                                suffixes=("", "_clean"))  # fmt: skip
    found = results[results["fooled"] & results["valid"] & (results["margin_clean"] <= 0)]
    return found.sort_values([work.norm, "attack"]).drop_duplicates("id").sort_values("position")


def smallest(work: Work) -> pd.Series:
    """Return by position the size of the smallest example; infinity where there is none.

    Only samples that are right when clean are listed.
    """
    clean = work.store.frame("samples")
    right = clean.loc[clean["margin"] <= 0, "position"]
    found = nearest_examples(work).set_index("position")[work.norm]
    return found.reindex(right, fill_value=np.inf)


def room(work: Work, eps: float) -> float:
    """Return the size up to which an example counts as within ``eps``: float32 rounds."""
    return eps * (1 + 1e-6) + slack(work.norm, work.samples.x[:1])


def standing(work: Work, eps: float) -> np.ndarray:
    """Return the positions of the samples that are right and unbroken within ``eps``."""
    sizes = smallest(work)
    return sizes.index[sizes > room(work, eps)].to_numpy(dtype=int)


def run_member(work: Work, member: Member, eps: float, who: np.ndarray) -> None:
    """Attack those of the samples at positions ``who`` that have no row for it yet."""

    def attack(at: list[int]) -> Tensor:
        part = take(work.samples, at)
        bound = partial(member.attack, eps=eps, norm=work.norm, seed=work.seed, ids=part.ids)
        return bound(work.model, part.x, part.y)

    _run(work, member.label, eps, who, attack)


def shorten(work: Work, examples: pd.DataFrame, eps: float) -> None:
    """Bring the smallest example of every sample nearer, for a curve between the eps asked for."""
    places = examples.set_index("position")[["shard", "row"]]

    def attack(at: list[int]) -> Tensor:
        part = take(work.samples, at)
        found = [work.store.example(*places.loc[i]) for i in at]
        x_adv = torch.from_numpy(np.stack(found)).to(part.x)
        return line_search(work.model, part.x, part.y, x_adv)

    _run(work, NAME, eps, examples["position"].to_numpy(dtype=int), attack)


def _run(
    work: Work, label: str, eps: float, who: np.ndarray, attack: Callable[[list[int]], Tensor]
) -> None:
    results = work.store.frame("results")
    done = set(results.loc[(results["attack"] == label) & (results["eps"] == eps), "id"])
    left = [int(i) for i in who if work.samples.ids[i] not in done]
    size, finished = work.batch_size, 0
    shards = [left[start : start + size] for start in range(0, len(left), size)]
    for shard in each(lambda at: _shard(work, label, eps, at, attack), shards, work.jobs):
        work.store.add_shard(*shard)
        finished += len(shard.rows)
        work.progress(f"{label} at {eps:.4g}", finished, len(left))


class Shard(NamedTuple):
    """What `Store.add_shard` takes."""

    name: str
    rows: pd.DataFrame
    examples: np.ndarray
    cost: dict[str, Any]


def _shard(
    work: Work, label: str, eps: float, at: list[int], attack: Callable[[list[int]], Tensor]
) -> Shard:
    began = time.perf_counter()
    with metered(work.model) as meter:
        x_adv = attack(at).detach().float()
    cost: dict[str, Any] = {
        "attack": label,
        "eps": eps,
        "tried": len(at),
        "forwards": meter.forwards,
        "backwards": meter.backwards,
        "seconds": time.perf_counter() - began,
    }
    part = take(work.samples, at)
    rows = measure(work.model, part.x, part.y, x_adv, norm=work.norm, eps=eps)
    keep = rows["fooled"].to_numpy(dtype=bool)
    row = np.where(keep, keep.cumsum() - 1, -1)
    rows = rows.assign(id=part.ids, attack=label, eps=eps, row=row)
    plain = "".join(c if c.isalnum() else "-" for c in label)
    return Shard(f"{plain}-{eps!r}-{at[0]:06d}", rows, x_adv.cpu().numpy()[keep], cost)
