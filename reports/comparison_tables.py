"""The data of the page that compares two audits."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from advkit.reports.tables import Interval


@dataclass(frozen=True)
class Side:
    """One of the two audits: its name, its data, and its curve."""

    name: str
    curve: Sequence[tuple[float, Interval]]
    clean: Interval
    model: Mapping[str, Any]
    run: Mapping[str, Any]
    command: str


@dataclass(frozen=True)
class Split:
    """How the images divide at one eps; ``p`` is that of McNemar's exact test."""

    eps: float
    a: Interval
    b: Interval
    both: int
    only_a: int
    only_b: int
    neither: int
    p: float


@dataclass(frozen=True)
class Comparison:
    """Two audits; ``distances`` are (id, class, smallest example in a, in b), infinity for none."""

    verdict: str
    norm: str
    a: Side
    b: Side
    splits: Sequence[Split]
    distances: Sequence[tuple[str, str, float, float]]
    data: Mapping[str, Any]
    notes: Sequence[str]
    command: str
