"""The data of the page of the speech study."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from advkit.reports.tables import Interval


class At(NamedTuple):
    """Results of perturbations ``snr`` dB below the speech: targeted, untargeted, survivors."""

    snr: float
    targeted: Interval
    untargeted: Interval
    robust: Interval


class Outcome(NamedTuple):
    """A further experiment: its level, its share if it has one, and the comparison."""

    what: str
    level: str
    share: Interval | None
    note: str


@dataclass(frozen=True)
class Played:
    """A clip to play: waveforms ``clean`` and ``adversarial`` in [-1, 1], and the recognised words.

    ``kind`` is least, masked, string, or audit, whose attacks are untargeted; ``sure`` is the
    probability of ``after``, if it has one; ``snr`` is the level of the perturbation in dB below
    the clip.
    """

    key: str
    kind: str
    id: str
    said: str
    wanted: str
    before: str
    after: str
    sure: float | None
    snr: float
    clean: NDArray[np.floating[Any]]
    adversarial: NDArray[np.floating[Any]]
    title: str = ""
    """The caption; true and target word if it is empty."""


@dataclass(frozen=True)
class SpeechStudy:
    """The numbers and sounds of one study; ``strings`` has said, wanted, heard, snr per string."""

    verdict: str
    clean: Interval
    curve: Sequence[At]
    outcomes: Sequence[Outcome]
    strings: Sequence[Mapping[str, Any]]
    played: Sequence[Played]
    rate: int
    model: Mapping[str, Any]
    data: Mapping[str, Any]
    environment: Mapping[str, str]
    command: str
    seed: int
    notes: Sequence[str]
    started: str
    finished: str


def at_each(rows: Sequence[Mapping[str, Any]]) -> list[At]:
    """Return the rows of a summary as `At`."""
    names = ("targeted", "untargeted", "robust")
    return [At(row["snr"], *(Interval(**row[name]) for name in names)) for row in rows]
