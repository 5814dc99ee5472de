"""What a run of maps knows: the facts that its page shows."""

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
    """One image (height, width, channels) in [0, 1]; ``target`` is the class that is explained."""

    sample: str
    label: str
    target: str
    guesses: Sequence[Guess]
    image: Floats


@dataclass(frozen=True)
class Maps:
    """One method's maps (n, height, width), raw; none where ``refused`` says why there are none.

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
    """The object cut out of one image; overlaps are None where the truth is not known."""

    mask: Bools
    seeds: Bools
    box: Sequence[int]
    share: float
    note: str
    iou: float | None = None
    box_iou: float | None = None


@dataclass(frozen=True)
class Belief:
    """Whether one method's maps can be believed; curves are means over the ``n`` images.

    ``cascade`` are (share of weights drawn anew, mean |Spearman| with the map of the trained net);
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
    """The same map still with the half of the weights nearest the output drawn anew."""
    infidelity: float | None = None
    """Median share of what noise does to the score that the map does not foretell."""
    max_sensitivity: float | None = None
    """Median of the largest change of the map under small noise, over its own length."""


@dataclass(frozen=True)
class Chance:
    """The curves of random orders: mean, lowest and highest of ``orders`` of them."""

    deletion: Mapping[str, Sequence[float]]
    insertion: Mapping[str, Sequence[float]]
    orders: int
    unit: str


@dataclass(frozen=True)
class Attacked:
    """The images after an attack, and per method means of what `similarity` measures."""

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
