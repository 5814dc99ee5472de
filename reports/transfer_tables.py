"""The data of the page of a transfer study."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from advkit.reports.tables import Interval


@dataclass(frozen=True)
class NetRow:
    """One net: its architecture, accuracy, whether it was attacked, and its training."""

    name: str
    family: str
    clean: Interval
    source: bool
    robust: bool


@dataclass(frozen=True)
class Method:
    """One attack at the eps of the study, over all pairs of two nets.

    ``success`` and ``targeted`` are means over pairs, ``white_box`` over nets on themselves.
    ``same_class``: of the samples that fool both nets of a pair, the share classified as the same
    wrong class, and that expected by chance. ``forwards`` and ``backwards`` are means per attacked
    sample.
    """

    attack: str
    success: Interval
    white_box: Interval | None
    targeted: Interval | None
    same_class: float | None
    same_by_chance: float
    forwards: float
    backwards: float


@dataclass(frozen=True)
class Between:
    """From one net to another (or to itself): the share fooled of samples correct on both."""

    source: str
    target: str
    share: Interval


@dataclass(frozen=True)
class Predictor:
    """A possible predictor of transfer: Spearman's rho with success, p by Mantel's test."""

    name: str
    told: str
    rho: float
    p: float
    pairs: int


@dataclass(frozen=True)
class OneImage:
    """One image (H, W, C), the example of each source, and the prediction of every net for each.

    ``said`` has a row per source and a column per net; ``fooled`` counts the pairs.
    """

    sample: str
    label: str
    clean: NDArray[np.floating[Any]]
    adversarial: Sequence[NDArray[np.floating[Any]]]
    sources: Sequence[str]
    nets: Sequence[str]
    said: Sequence[Sequence[str]]
    fooled: int


@dataclass(frozen=True)
class Transfer:
    """One finished study. All shares but those of ``curves`` are at ``eps``, by attack ``shown``.

    ``curves`` are by attack; ``itself`` is that of ``shown`` on its own source. ``points`` are
    (source, target, same architecture, similarity of gradients, success). ``ensembles`` are (number
    of sources, success on a held-out target).
    """

    verdict: str
    shown: str
    noise: str
    norm: str
    eps: float
    nets: Sequence[NetRow]
    methods: Sequence[Method]
    cells: Sequence[Between]
    targeted: Sequence[Between]
    curves: Mapping[str, Sequence[tuple[float, Interval]]]
    itself: Sequence[tuple[float, Interval]]
    by_target: Sequence[tuple[str, Interval]]
    by_source: Sequence[tuple[str, Interval]]
    robust_gap: Sequence[tuple[str, str, Interval]]
    predictors: Sequence[Predictor]
    points: Sequence[tuple[str, str, bool, float, float]]
    ensembles: Sequence[tuple[int, Interval]]
    image: OneImage | None
    data: Mapping[str, Any]
    training: str
    seed: int
    steps: int
    targets: str | None
    command: str
    environment: Mapping[str, str]
    notes: Sequence[str]
    started: str
    finished: str
    findings: Sequence[str] = field(default_factory=list)
    """Sentences that compare the measurements with the literature."""
