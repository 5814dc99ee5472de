"""The data of the page of `advkit explain`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from advkit.reports.cards import Guess

Floats = NDArray[np.floating[Any]]
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Seen:
    """One image (height, width, channels) in [0, 1]; ``target`` is the class explained."""

    sample: str
    label: str
    target: str
    guesses: Sequence[Guess]
    image: Floats


@dataclass(frozen=True)
class Maps:
    """One method's maps (n, height, width), raw; none if ``refused`` gives a reason.

    ``after`` are the maps of the attacked images, ``size`` is the method's own (height, width),
    ``flat`` the number of maps that are 0 everywhere.
    """

    label: str
    signed: bool
    limits: str
    refused: str = ""
    maps: Floats | None = None
    after: Floats | None = None
    layer: str = ""
    size: Sequence[int] = ()
    flat: int = 0
    seconds: float = 0.0
    note: str = ""


@dataclass(frozen=True)
class Cut:
    """The object segmented in one image; overlaps are None without ground truth."""

    mask: Bools
    seeds: Bools
    box: Sequence[int]
    share: float
    note: str
    iou: float | None = None
    box_iou: float | None = None


@dataclass(frozen=True)
class Belief:
    """Whether one method's maps can be trusted; curves are means over the ``n`` images.

    ``cascade`` are (share of weights randomised, mean |Spearman| with the map of the trained net);
    ``edges`` is that with an edge detector's map. ``pointing`` are (hits, n, tolerance).
    """

    label: str
    n: int
    deletion_curve: Sequence[float]
    insertion_curve: Sequence[float]
    deletion: float
    insertion: float
    beats_deleting: int
    beats_inserting: int
    cascade: Sequence[tuple[float, float]]
    edges: float
    pointing: tuple[int, int, int] | None
    faithful: bool
    learnt: bool
    shallow: bool = False
    """Whether the map is unchanged with the half of the weights nearest the output randomised."""
    infidelity: float | None = None
    """Median infidelity under noise, relative to a map of zeros."""
    max_sensitivity: float | None = None
    """Median of the largest change of the map under small noise, relative to its norm."""


@dataclass(frozen=True)
class Chance:
    """Curves of random orders: mean, lowest and highest of ``orders`` of them."""

    deletion: Mapping[str, Sequence[float]]
    insertion: Mapping[str, Sequence[float]]
    orders: int
    unit: str


@dataclass(frozen=True)
class Attacked:
    """The images after an attack, and the mean of each `similarity` measure per method."""

    attack: str
    norm: str
    eps: float
    fooled: Sequence[bool]
    images: Floats
    read_as: Sequence[Guess]
    means: Sequence[tuple[str, Mapping[str, float]]]


@dataclass(frozen=True)
class Explained:
    """A finished run of `advkit explain`."""

    verdict: str
    target: str
    model: Mapping[str, Any]
    data: Mapping[str, Any]
    environment: Mapping[str, str]
    command: str
    notes: Sequence[str]
    started: str
    finished: str
    seen: Sequence[Seen]
    methods: Sequence[Maps]
    cuts: Sequence[Cut] = ()
    cut_by: str = ""
    beliefs: Sequence[Belief] = ()
    chance: Chance | None = None
    attacked: Attacked | None = None
    run: Mapping[str, Any] = field(default_factory=dict)
