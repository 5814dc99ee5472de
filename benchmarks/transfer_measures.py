"""Measures of a transfer study: shares over pairs of nets, with intervals over images.

A share for a source and a target counts only samples that both classify correctly. Shares over many
pairs are means of the pairs' shares; their intervals are from a bootstrap over images (Efron 1979),
as all pairs use the same images.
"""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from advkit.benchmarks.transfer_runs import Flags, Key, Net, Read
from advkit.evaluate.intervals import wilson

DRAWS = 1000

Counts = NDArray[np.int64]


class Clean(NamedTuple):
    """Labels (n,), predictions of all nets for clean samples (nets, n), target classes if any."""

    y: Counts
    classes: Counts
    aims: Counts | None

    @property
    def right(self) -> Flags:
        """Which samples each net classifies correctly, (nets, n)."""
        return self.classes == self.y  # type: ignore[no-any-return]


class Pair(NamedTuple):
    """A source and a target: which samples count, and which of these fool the target, (n,) each."""

    counted: Flags
    fooled: Flags


def pair(clean: Clean, read: Read, source: Flags, target: int, targeted: bool) -> Pair:
    """Return the pair's flags; ``source`` (n,) flags samples the source classifies correctly."""
    counted = source & clean.right[target] & read.tried
    said = read.classes[target]
    fooled = said == clean.aims if targeted and clean.aims is not None else said != clean.y
    return Pair(counted, counted & fooled)


def pair_rows(
    clean: Clean, reads: dict[Key, Read], nets: Sequence[Net]
) -> Iterable[dict[str, Any]]:
    """Yield a row for every (source, attack, eps, targeted, target), with a Wilson interval.

    ``same_class`` counts, of the ``fool_both`` samples that fool both nets, those that both predict
    as the same class.
    """
    names = [net.name for net in nets]
    for key, read in reads.items():
        if key.source not in names:
            continue
        at = names.index(key.source)
        for target, net in enumerate(nets):
            one = pair(clean, read, clean.right[at], target, key.targeted)
            both = one.fooled & (read.classes[at] != clean.y) & (read.classes[target] != clean.y)
            same = both & (read.classes[at] == read.classes[target])
            share = wilson(int(one.fooled.sum()), int(one.counted.sum()))
            yield {
                "source": key.source,
                "attack": key.attack,
                "eps": key.eps,
                "targeted": key.targeted,
                "target": net.name,
                "white_box": at == target,
                "success": share["value"],
                **{name: bound for name, bound in share.items() if name != "value"},
                "fool_both": int(both.sum()),
                "same_class": int(same.sum()),
            }  # fmt: skip


def mean_share(pairs: Sequence[Pair], seed: int) -> dict[str, Any] | None:
    """Return the mean of the pairs' shares, with a bootstrap interval; None without pairs."""
    used = [one for one in pairs if one.counted.any()]
    if not used:
        return None
    low, high = np.nanquantile(_drawn(used, seed), (0.025, 0.975))
    return {
        "value": _mean(used),
        "low": float(low),
        "high": float(high),
        "count": int(sum(one.fooled.sum() for one in used)),
        "n": int(sum(one.counted.sum() for one in used)),
        "pairs": len(used),
    }


def difference(more: Sequence[Pair], less: Sequence[Pair], seed: int) -> dict[str, float] | None:
    """Return the difference of the means of ``more`` and ``less``, with its interval.

    Both must be of the same pairs of nets; the same bootstrap draws are used for both.
    """
    both = [(a, b) for a, b in zip(more, less, strict=True) if a.counted.any() and b.counted.any()]
    if not both:
        return None
    a, b = ([one[side] for one in both] for side in (0, 1))
    low, high = np.nanquantile(_drawn(a, seed) - _drawn(b, seed), (0.025, 0.975))
    return {"value": _mean(a) - _mean(b), "low": float(low), "high": float(high)}


def _mean(pairs: Sequence[Pair]) -> float:
    return float(np.mean([one.fooled.sum() / one.counted.sum() for one in pairs]))


def best(
    clean: Clean, reads: dict[Key, Read], nets: Sequence[Net], labels: Sequence[str], eps: float
) -> str:
    """Return the attack of ``labels`` with the highest mean success on other nets."""
    means = {label: [one for one in across(clean, reads, nets, Key("", label, eps))
                     if one.counted.any()] for label in labels}  # fmt: skip
    return max(labels, key=lambda label: _mean(means[label]) if means[label] else -1.0)


def _drawn(pairs: Sequence[Pair], seed: int) -> NDArray[np.float64]:
    """Return the mean share for each of DRAWS bootstrap draws; NaN if no image in a draw counts."""
    counted = np.stack([one.counted for one in pairs]).astype(np.float64)
    fooled = np.stack([one.fooled for one in pairs]).astype(np.float64)
    n = counted.shape[1]
    weights = np.random.default_rng(seed).multinomial(n, np.full(n, 1 / n), size=DRAWS)
    below = counted @ weights.T
    share = (fooled @ weights.T) / np.maximum(below, 1)  # 0 for a pair without images in a draw
    pairs_left = (below > 0).sum(0)
    return np.asarray(np.where(pairs_left > 0, share.sum(0) / np.maximum(pairs_left, 1), np.nan))


def across(
    clean: Clean, reads: dict[Key, Read], nets: Sequence[Net], key: Key, *,
    sources: Iterable[int] | None = None, targets: Iterable[int] | None = None, white: bool = False,
) -> list[Pair]:  # fmt: skip
    """Return the pairs of ``key`` (except its source) from ``sources`` to ``targets``.

    By default from all nets with gradients to all that are counted; with ``white`` only pairs of a
    net with itself, otherwise only pairs of different nets.
    """
    usual = [i for i, net in enumerate(nets) if net.source]
    others = [i for i, net in enumerate(nets) if net.counted]
    found = []
    for s in usual if sources is None else sources:
        read = reads.get(key._replace(source=nets[s].name))
        for t in others if targets is None else targets:
            if read is not None and (s == t) == white:
                found.append(pair(clean, read, clean.right[s], t, key.targeted))
    return found


def same_class(rows: pd.DataFrame) -> float | None:
    """Return the share of samples with the same wrong class, of those that fool both nets."""
    other = rows[~rows["white_box"]]
    both = int(other["fool_both"].sum())
    return float(other["same_class"].sum() / both) if both else None


def same_by_chance(clean: Clean, reads: dict[Key, Read], nets: Sequence[Net], key: Key) -> float:
    """Return the expected `same_class` if nets chose the wrong class of a label independently.

    For every pair and label the wrong classes of the two nets are matched at random.
    """
    expected, total = 0.0, 0
    names = [net.name for net in nets]
    for s, source in enumerate(names):
        read = reads.get(key._replace(source=source))
        if read is None:
            continue
        for t in range(len(nets)):
            fooled = (read.classes[s] != clean.y) & (read.classes[t] != clean.y)
            fooled &= clean.right[s] & clean.right[t] & read.tried
            if s == t:
                continue
            for label in np.unique(clean.y[fooled]):
                of = fooled & (clean.y == label)
                m = int(of.sum())
                most = int(max(read.classes[:, of].max(), 0)) + 1
                a = np.bincount(read.classes[s, of], minlength=most) / m
                b = np.bincount(read.classes[t, of], minlength=most) / m
                expected, total = expected + m * float(a @ b), total + m
    return expected / total if total else 0.0
