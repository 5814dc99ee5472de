"""A unit of work: one attack at one eps on some samples. Idempotent, judged where it runs."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np
import pandas as pd


class Unit(NamedTuple):
    """A unit to do: the attack ``label`` at ``eps`` on the samples at positions ``at``.

    ``start`` (n, ...) are examples to start from, for a line search. In a check each sample may
    have an eps of its own, ``each`` (n,); ``eps`` is then the largest.
    """

    label: str
    eps: float
    at: list[int]
    bfloat16: bool = False
    start: np.ndarray | None = None
    each: list[float] | None = None


class Shard(NamedTuple):
    """A finished unit: the arguments of `Store.add_shard`."""

    name: str
    rows: pd.DataFrame
    examples: np.ndarray
    cost: dict[str, Any]


class Failed(NamedTuple):
    """A unit that was given up: why, and after how many attempts."""

    unit: Unit
    error: str
    attempts: int


Outcome = Shard | Failed
Do = Callable[[Unit], list[Outcome]]
"""Does a unit; returns several outcomes if it had to be split."""


class Pool(NamedTuple):
    """Does units in other processes or on other machines.

    ``run`` yields the outcomes of each unit as it finishes, in any order; ``knows`` tells whether
    it supports the attack of this label; ``jobs`` units run in parallel.
    """

    run: Callable[[Iterable[Unit]], Iterator[list[Outcome]]]
    knows: Callable[[str], bool]
    jobs: int
