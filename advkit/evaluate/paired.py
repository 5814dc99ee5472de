"""Two audits of the same images side by side: which images survive one and not the other."""

from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from advkit.errors import InputError
from advkit.evaluate.finished_audit import read_run, read_samples
from advkit.evaluate.intervals import Share, curve, mcnemar, wilson

FORCE = "--force compares what they share"


class Pairing(NamedTuple):
    """Two runs; ``samples`` has a row per common image: id, label, distance_a and distance_b."""

    runs: tuple[dict[str, Any], dict[str, Any]]
    samples: pd.DataFrame
    norm: str
    eps: list[float]
    notes: list[str]


class Flips(NamedTuple):
    """How many images survive both, one or neither at one eps, and McNemar's exact p value."""

    eps: float
    a: Share
    b: Share
    both: int
    only_a: int
    only_b: int
    neither: int
    p: float


def pair(first: Path, second: Path, *, force: bool = False) -> Pairing:
    """Return two finished audits side by side.

    Raises InputError if norms differ or there is no common image or eps; without ``force`` also if
    images or audited eps differ at all.
    """
    a, b = read_run(first), read_run(second)
    if a["norm"] != b["norm"]:
        raise InputError(f"{first} was audited in {a['norm']}, {second} in {b['norm']}: eps of "
                         "different norms cannot be compared", "audit both in the same norm",
                         code="E314")  # fmt: skip
    eps = sorted({row["eps"] for row in a["robust"]} & {row["eps"] for row in b["robust"]})
    notes = _differences(a, b)
    if notes and not force:
        raise InputError(
            f"{first} and {second} cannot be compared: {'; '.join(notes)}", FORCE, code="E314"
        )
    sides = [read_samples(folder)[["id", "label", "distance"]] for folder in (first, second)]
    samples = sides[0].merge(sides[1], on=["id", "label"], suffixes=("_a", "_b"))
    if samples.empty or not eps:
        what = "image" if samples.empty else "audited eps"
        raise InputError(f"{first} and {second} have no {what} in common", code="E314")
    if a["suite"] != b["suite"]:
        notes.append(f"attacked by different suites: {a['suite']} and {b['suite']}")
    return Pairing((a, b), samples, a["norm"], eps, notes)


def _differences(a: dict[str, Any], b: dict[str, Any]) -> list[str]:
    """Return in words the differences in data and threat model."""
    notes = []
    if a["data"]["sha256"] != b["data"]["sha256"]:
        about = [f"{run['data']['n']:,} of {run['data']['name']}" for run in (a, b)]
        notes.append(f"their images differ ({about[0]}; {about[1]})")
    eps = [", ".join(f"{row['eps']:.4g}" for row in run["robust"]) for run in (a, b)]
    if eps[0] != eps[1]:
        notes.append(f"their eps differ ({eps[0]}; {eps[1]})")
    return notes


def flips(pairing: Pairing, eps: float) -> Flips:
    """Return how many images survive ``eps`` in both audits, in one of them, in neither."""
    a, b = (pairing.samples[f"distance_{side}"] > eps for side in "ab")
    only_a, only_b = int((a & ~b).sum()), int((b & ~a).sum())
    both, neither = int((a & b).sum()), int((~a & ~b).sum())
    one, two = (wilson(int(side.sum()), len(side)) for side in (a, b))
    return Flips(eps, one, two, both, only_a, only_b, neither, mcnemar(only_a, only_b))


def curves(pairing: Pairing) -> tuple[list[tuple[float, Share]], list[tuple[float, Share]]]:
    """Return robust accuracy over eps of both, on the common images."""
    samples, n = pairing.samples, len(pairing.samples)
    one, two = (curve(samples[f"distance_{side}"], pairing.eps, n) for side in "ab")
    return one, two
