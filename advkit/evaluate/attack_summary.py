"""The result of one attack: a row per sample from the judge, and the summary."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd
from torch import Tensor

from advkit.attacks.averaged_transforms import TRANSFORMS, fooled_share
from advkit.data.samples import take
from advkit.evaluate.attack_plan import Plan
from advkit.evaluate.attempts import saved_examples
from advkit.evaluate.intervals import Share, wilson
from advkit.evaluate.measure import measure
from advkit.evaluate.stage_context import Work, aim_of, all_units, right_when_clean
from advkit.numbers import shown

SCHEMA = "advkit/attack/1"
Examples = Callable[[list[int]], Tensor]


def to_attack(work: Work) -> np.ndarray:
    """Return the positions of the samples to attack: correctly classified, not as the target."""
    at: np.ndarray = right_when_clean(work)["position"].to_numpy(dtype=int)
    if work.targets is None:
        return at
    other: np.ndarray = (work.targets != work.samples.y).cpu().numpy()
    return at[other[at]]  # type: ignore[no-any-return]


def examples_of(work: Work) -> Examples:
    """Return a function from positions to the saved examples, or the images where none, (n, ...).

    It reads some positions at a time: all examples at once may not fit into memory.
    """
    results = work.store.frame("results")
    place = {name: i for i, name in enumerate(work.samples.ids)}
    places = results.set_index(results["id"].map(place))[["shard", "row"]]

    def some(at: list[int]) -> Tensor:
        here = places[places.index.isin(at)].rename(index={i: row for row, i in enumerate(at)})
        return saved_examples(work, here, work.samples.x[at])

    return some


def portions(work: Work) -> Iterator[list[int]]:
    """Yield the positions of all samples in batches."""
    n = len(work.samples.ids)
    for start in range(0, n, work.batch_size):
        yield list(range(start, min(start + work.batch_size, n)))


def judged(work: Work, examples: Examples, eps: float, transform: str | None) -> pd.DataFrame:
    """Return the rows of `measure` for every example, with ``id``, ``attacked`` and ``target``.

    With a ``transform`` also ``share_of_transforms``: the share of fresh transforms under which the
    example fools.
    """
    frames = []
    for at in portions(work):
        part, aim, tried = take(work.samples, at), aim_of(work, at), examples(at)
        rows = measure(work.model, part.x, part.y, tried, norm=work.norm, eps=eps, targets=aim,
                       units=all_units(part))  # fmt: skip
        if aim is not None:
            rows.insert(1, "target", aim.cpu().numpy())
        if transform:
            change = TRANSFORMS[transform]()
            share = fooled_share(
                work.model, tried, part.y, change, targets=aim, seed=work.seed, ids=part.ids
            )
            rows["share_of_transforms"] = share.cpu().numpy()
        frames.append(rows)
    table = pd.concat(frames, ignore_index=True)
    table.insert(0, "id", list(work.samples.ids))
    table.insert(1, "attacked", np.isin(np.arange(len(table)), to_attack(work)))
    return table


def summarised(work: Work, table: pd.DataFrame, plan: Plan) -> dict[str, Any]:
    """Return clean accuracy, success, sizes of the fooling examples, and costs per sample.

    Success is the share of attacked samples whose example is valid and fools; sizes are in the norm
    of the attack.
    """
    clean, attacked = wilson(len(right_when_clean(work)), len(table)), table[table["attacked"]]
    fooled = attacked[attacked["fooled"] & attacked["valid"]]
    success, sizes = wilson(len(fooled), len(attacked)), fooled[work.norm]
    costs = work.store.frame("costs")
    tried = max(int(costs["tried"].sum()), 1)
    told = {name: float(sizes.agg(name)) for name in ("median", "mean", "min", "max")}
    size = told if len(fooled) else None
    found = {
        "schema": SCHEMA,
        "verdict": verdict(clean, success, size, plan),
        "clean": clean,
        "success": success,
        "size": size,
        "invalid": int((~attacked["valid"]).sum()),
        "not_finite": int(attacked["margin"].isna().sum()),
        "forwards": float(costs["forwards"].sum() / tried),
        "backwards": float(costs["backwards"].sum() / tried),
        "seconds": float(costs["seconds"].sum()),
    }
    if plan.transform and len(attacked):
        found["share_of_transforms"] = float(attacked["share_of_transforms"].mean())
    return found


def verdict(clean: Share, success: Share, size: Mapping[str, float] | None, plan: Plan) -> str:
    """Return the result in one sentence."""
    if not success["n"]:
        why = ", all of the target class" if clean["count"] else ""
        return (
            f"Of {clean['n']:,} images the model classifies {clean['count']:,} correctly{why}: "
            "there is nothing to attack."
        )
    how = "at any distance" if plan.eps is None else f"within {plan.norm} {shown(plan.eps)}"
    what = f"classified as the target ({plan.targets})" if plan.one_target else "fooled"
    least = f"; the median {plan.norm} size is {size['median']:.4g}" if size else ""
    return (
        f"Of {clean['n']:,} images the model classifies {clean['value']:.1%} correctly; of the "
        f"{success['n']:,} attacked, {how}, {success['value']:.1%} are {what} "
        f"(95% interval {success['low']:.1%} to {success['high']:.1%}){least}."
    )
