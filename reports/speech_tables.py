"""What the page of a study of speech is given."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from advkit.reports.tables import Interval


class At(NamedTuple):
    """What noise ``snr`` dB below the speech reaches: a chosen word, any other, and who stands."""

    snr: float
    targeted: Interval
    untargeted: Interval
    robust: Interval


class Outcome(NamedTuple):
    """Something else that was tried: how quiet it is, its share if it has one, what to compare."""

    what: str
    level: str
    share: Interval | None
    note: str


@dataclass(frozen=True)
class Played:
    """A clip to listen to: waveforms ``clean`` and ``adversarial`` in [-1, 1], and what was heard.

    ``kind`` is least, masked, string, or audit, whose attacks want no word; ``sure`` is the
    probability of ``after``, if it has one; ``snr`` how many dB the change is below the clip.
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
    """What to write below it; said and wanted where it is empty."""


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
