"""Which attacks run, in which order, on whom. A sample leaves when it is fooled."""

import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import torch
from torch import nn

from advkit.attacks import ATTACKS, Member, norms_of, parse
from advkit.data.samples import Samples, take
from advkit.engine import metered
from advkit.errors import UsageError
from advkit.evaluate.measure import measure, slack
from advkit.evaluate.store import Store

Progress = Callable[[str, int, int], None]
"""Called with (what runs, samples done, samples in all)."""


class Suite(NamedTuple):
    """Scouts run on every eps from the smallest up, hunters from the largest down.

    A sample that resists all hunters at one eps is not attacked again at a smaller one: the
    smaller ball lies within. So each sample pays for one full defeat of the suite, however many
    eps are asked for.
    """

    scouts: tuple[str, ...]
    hunters: tuple[str, ...]


SUITES = {
    "quick": Suite(
        scouts=("noise:draws=2", "fgsm", "pgd:steps=10,step=0.25,loss=margin"),
        hunters=("apgd:steps=30,loss=ce", "apgd_targeted:steps=20,n_targets=3"),
    ),
    "standard": Suite(
        scouts=("noise:draws=4", "fgsm", "pgd:steps=20,step=0.125,loss=margin"),
        hunters=(
            "apgd:steps=50,loss=ce",
            "apgd_targeted:steps=50,n_targets=9",
            "square:queries=200",
        ),
    ),
}


def members_of(texts: Sequence[str], norm: str) -> list[Member]:
    """Return the attacks named by ``texts``; raises UsageError where one lacks ``norm``."""
    members = [parse(text, ATTACKS) for text in texts]
    for member in members:
        has = norms_of(member.attack)
        if norm not in has:
            raise UsageError(f"{member.label} has no norm {norm}", f"it has {', '.join(has)}")
    return members


class Work(NamedTuple):
    """What every stage of an audit needs."""

    model: nn.Module
    samples: Samples
    norm: str
    seed: int
    batch_size: int
    store: Store
    progress: Progress


def run(work: Work, suite: Suite, eps: Sequence[float]) -> None:
    """Run what of ``suite`` is not yet in the ledger, at every eps."""
    scouts, hunters = (members_of(names, work.norm) for names in suite)
    rising = sorted(eps)
    for value in rising:
        for member in scouts:
            _run_member(work, member, value, standing(work, value))
    for i, value in reversed(list(enumerate(rising))):
        for member in hunters:
            who = standing(work, value)
            if i + 1 < len(rising):
                who = who[~np.isin(who, standing(work, rising[i + 1]))]
            _run_member(work, member, value, who)


def smallest(work: Work) -> pd.Series:
    """Return by id the size of the smallest valid fooling example; infinity where there is none.

    Only samples that are right when clean are listed, in the order of the data.
    """
    clean = work.store.frame("samples")
    right = clean.loc[clean["margin"] <= 0, "id"]
    results = work.store.frame("results")
    found = results[results["fooled"] & results["valid"]].groupby("id")[work.norm].min()
    return found.reindex(right, fill_value=np.inf)


def standing(work: Work, eps: float) -> np.ndarray:
    """Return the positions of the samples that are right and unbroken within ``eps``."""
    sizes = smallest(work)
    room = eps * (1 + 1e-6) + slack(work.norm, work.samples.x[:1])
    position = {name: i for i, name in enumerate(work.samples.ids)}
    return np.array([position[name] for name in sizes.index[sizes > room]], dtype=int)


def judge_clean(work: Work) -> None:
    """Write the clean row of every sample that has none."""
    samples = work.samples
    known = set(work.store.frame("samples")["id"])
    left = [i for i, name in enumerate(samples.ids) if name not in known]
    for start in range(0, len(left), work.batch_size):
        at = left[start : start + work.batch_size]
        part = take(samples, at)
        rows = measure(work.model, part.x, part.y, part.x, norm=work.norm, eps=0.0)
        rows = rows[["label", "prediction", "confidence", "margin"]]
        work.store.add_samples(rows.assign(position=at, id=part.ids))
        work.progress("clean", start + len(at), len(left))


def _run_member(work: Work, member: Member, eps: float, who: np.ndarray) -> None:
    results = work.store.frame("results")
    mine = results[(results["attack"] == member.label) & (results["eps"] == eps)]
    done = set(mine["id"])
    left = [int(i) for i in who if work.samples.ids[i] not in done]
    for start in range(0, len(left), work.batch_size):
        _run_shard(work, member, eps, left[start : start + work.batch_size])
        work.progress(f"{member.label} at {eps:.4g}", start + work.batch_size, len(left))


def _run_shard(work: Work, member: Member, eps: float, at: list[int]) -> None:
    part, began = take(work.samples, at), time.perf_counter()
    with metered(work.model) as meter:
        attack = partial(member.attack, eps=eps, norm=work.norm, seed=work.seed, ids=part.ids)
        x_adv = attack(work.model, part.x, part.y).detach().float()
    seconds = time.perf_counter() - began
    rows = measure(work.model, part.x, part.y, x_adv, norm=work.norm, eps=eps)
    keep = rows["fooled"].to_numpy(dtype=bool)
    row = np.where(keep, keep.cumsum() - 1, -1)
    rows = rows.assign(id=part.ids, attack=member.label, eps=eps, row=row)
    cost: dict[str, Any] = {
        "attack": member.label,
        "eps": eps,
        "tried": len(at),
        "forwards": meter.forwards,
        "backwards": meter.backwards,
        "seconds": seconds,
    }
    examples = x_adv[torch.from_numpy(keep.copy())].cpu().numpy()
    name = "".join(c if c.isalnum() else "-" for c in member.label)
    work.store.add_shard(f"{name}-{eps!r}-{at[0]:06d}", rows, examples, cost)
