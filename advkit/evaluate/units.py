"""A unit of work: one attack at one eps on some samples. Idempotent, judged where it is done."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np
import pandas as pd


class Unit(NamedTuple):
    """What is to be done: the attack ``label`` at ``eps`` on the samples at positions ``at``.

    ``start`` (n, ...) are examples to begin from, where the work is to bring them nearer.
    """

    label: str
    eps: float
    at: list[int]
    bfloat16: bool = False
    start: np.ndarray | None = None


class Shard(NamedTuple):
    """A unit that is done: what `Store.add_shard` takes."""

    name: str
    rows: pd.DataFrame
    examples: np.ndarray
    cost: dict[str, Any]


class Failed(NamedTuple):
    """A unit that is given up: why, and after how many attempts."""

    unit: Unit
    error: str
    attempts: int


Outcome = Shard | Failed
Do = Callable[[Unit], list[Outcome]]
"""Does a unit; in more than one piece where it had to be split."""


class Pool(NamedTuple):
    """Somewhere else to do units: other processes or machines.

    ``run`` yields the outcomes of each unit as it is done, in any order; ``knows`` tells whether it
    can do the attack of this label; ``jobs`` units are done at once.
    """

    run: Callable[[Iterable[Unit]], Iterator[list[Outcome]]]
    knows: Callable[[str], bool]
    jobs: int
