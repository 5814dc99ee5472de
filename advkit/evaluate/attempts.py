"""What an audit runs on its samples: an attack, or a line search from image to example."""

import math

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from advkit.attacks import Member
from advkit.attacks.bisection import line_search
from advkit.attacks.known_points import from_known
from advkit.attacks.options import Attack, goes_on
from advkit.attacks.quick_copy import on_a_copy
from advkit.attacks.reduced_precision import in_half
from advkit.data.samples import Samples, take, units
from advkit.evaluate.attack_errors import blamed, check_returned
from advkit.evaluate.shards import Start, run_shards
from advkit.evaluate.stage_context import Attempt, Work, aim_of, nearest_within
from advkit.models.classifier import Classifier

LINE_SEARCH = "line_search"


def run_member(
    work: Work, member: Member, eps: float, who: np.ndarray, known: float | None = None
) -> None:
    """Attack those of the samples at positions ``who`` that have no row for it yet.

    An ``eps`` of infinity requests minimum norm. If ``known`` is given, an attack that can start
    from known examples starts from those within ``known``.
    """
    start = None
    if known is not None and goes_on(member.attack):
        start = starts(work, nearest_within(work, known))
    run_shards(work, member.label, eps, who, by_member(work, member, eps, start), start)


def by_member(work: Work, member: Member, eps: float, start: Start | None = None) -> Attempt:
    """Return the function that runs the attack ``member`` on samples of ``work``.

    With ``start``, it starts from the examples that ``start`` gives for the positions.
    """
    given = {"norm": work.norm, "seed": work.seed}

    def attack(model: Classifier, quick: Classifier, at: list[int]) -> Tensor:
        part, aim = take(work.samples, at), aim_of(work, at)
        goal = {} if aim is None else {"targets": aim}
        size = None if math.isinf(eps) else radius(part, work.norm, eps)
        tried = member.attack
        if start is not None:
            points = torch.from_numpy(start(at)).to(part.x)
            tried = from_known(tried, dict(zip(part.ids, points, strict=True)))
        made = quickened(tried, model, quick, work.bfloat16)
        with blamed(member.label):
            x_adv = made(model, part.x, part.y, eps=size, ids=part.ids, **given, **goal)
        check_returned(member.label, x_adv, part.x)
        return x_adv

    return attack


def radius(samples: Samples, norm: str, eps: float) -> float | Tensor:
    """Return ``eps`` as attacks take it: in [0, 1], one per sample where the samples have units."""
    unit = units(samples, norm)
    return eps if unit is None else eps * unit


def quickened(attack: Attack, model: Classifier, quick: Classifier, bfloat16: bool) -> Attack:
    """Return ``attack`` on the faster copy of ``model``, or unchanged if there is none."""
    if bfloat16:
        return on_a_copy(attack, lambda _model: in_half(quick), "in_bfloat16")
    if quick is model:
        return attack
    return on_a_copy(attack, lambda _model: quick, "on_a_copy", exact=True)


def saved_examples(work: Work, places: pd.DataFrame, x: Tensor) -> Tensor:
    """Return ``x`` (n, ...) with the rows listed in ``places`` replaced by saved examples.

    ``places`` has the columns ``shard`` and ``row``; its index gives the row of ``x``.
    """
    x_adv = x.float().clone()
    for shard, rows in places.groupby("shard"):
        saved = work.store.examples(str(shard), rows["row"].to_numpy())
        x_adv[rows.index.tolist()] = torch.from_numpy(saved).to(x_adv)
    return x_adv


def starts(work: Work, examples: pd.DataFrame) -> Start:
    """Return a function from positions to saved examples, or to the image where none is saved."""
    places = examples.set_index("position")[["shard", "row"]]

    def start(at: list[int]) -> np.ndarray:
        x = take(work.samples, at).x
        rows = places.reindex(at).reset_index(drop=True).dropna()
        return saved_examples(work, rows.astype({"row": int}), x).cpu().numpy()

    return start


def shorten(work: Work, examples: pd.DataFrame, eps: float) -> None:
    """Shorten the smallest example of every sample by line search, for a smooth curve over eps."""
    start = starts(work, examples)

    def attack(model: Classifier, _quick: Classifier, at: list[int]) -> Tensor:
        return nearer(work, model, at, start(at))

    who = examples["position"].to_numpy(dtype=int)
    run_shards(work, LINE_SEARCH, eps, who, attack, start)


def nearer(work: Work, model: Classifier, at: list[int], start: np.ndarray) -> Tensor:
    """Return the examples ``start`` (n, ...) of the samples ``at``, as close as they still fool."""
    part = take(work.samples, at)
    return line_search(model, part.x, part.y, torch.from_numpy(start).to(part.x))
