"""What a run knows about itself: the facts that a page shows and a summary holds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Interval:
    """A share of ``n`` images with its 95% Wilson interval (all three in [0, 1])."""

    value: float
    low: float
    high: float
    count: int
    n: int


def interval_of(row: Mapping[str, Any]) -> Interval:
    """Return the interval in a row of results, which may say more than that."""
    return Interval(**{name: row[name] for name in Interval.__dataclass_fields__})


@dataclass(frozen=True)
class AttackRow:
    """What one attack did at one eps: one row per (attack, eps), in the order in which they ran.

    ``eps`` is None for one that sought the nearest example, at any distance.

    ``tried`` are the images still standing when its turn came, ``fooled`` those that it broke,
    ``invalid`` those it returned outside the ball or the box (never counted as fooled).
    ``forwards`` and ``backwards`` are means per tried image; ``seconds`` is for all of them.
    """

    attack: str
    eps: float | None
    tried: int
    fooled: int
    invalid: int
    forwards: float
    backwards: float
    seconds: float
    options: Mapping[str, Any]


@dataclass(frozen=True)
class Breakdown:
    """What lies behind the share.

    ``by_class`` are (class, when clean, at each eps of the audit); ``confusion`` (class, read as,
    images) within the largest eps; ``distances`` count nearest examples in the bins between
    ``edges``, with ``beyond`` further away or unknown; ``easiest`` and ``hardest`` are (sample,
    class, size of its nearest example, None where none was found).
    """

    by_class: Sequence[tuple[str, Interval, Sequence[Interval]]]
    confusion: Sequence[tuple[str, str, int]]
    distances: Sequence[int]
    edges: Sequence[float]
    beyond: int
    easiest: Sequence[tuple[str, str, float | None]]
    hardest: Sequence[tuple[str, str, float | None]]


@dataclass(frozen=True)
class Check:
    """One check of whether a number can be trusted: its outcome, and what was seen.

    ``state`` is pass, fail, not run or not applicable; ``meaning`` says what a failure means and
    ``advice`` what to do then.
    """

    name: str
    state: str
    evidence: str
    title: str
    meaning: str
    advice: str


@dataclass(frozen=True)
class Courses:
    """Margins of images that stand after so many ``steps`` of an attack: below 0 not fooled.

    ``low``, ``middle`` and ``high`` are a tenth, the half and nine tenths of the images,
    ``nearest`` is the image that ends closest to being fooled.
    """

    steps: Sequence[int]
    low: Sequence[float]
    middle: Sequence[float]
    high: Sequence[float]
    nearest: Sequence[float]


@dataclass(frozen=True)
class Trust:
    """What the checks say together: ``overall`` is ok, repaired or doubtful."""

    overall: str
    headline: str
    checks: Sequence[Check]
    courses: Courses | None = None
    """None where no image stands, and for a run of a version that kept none."""

    @property
    def failed(self) -> Sequence[Check]:
        """The checks that failed."""
        return [check for check in self.checks if check.state == "fail"]


@dataclass(frozen=True)
class Proofs:
    """What was proved at one eps: the share that is certified, and how the rest divides.

    ``tried`` are the images for which a proof was sought, at ``passes`` each and ``seconds`` in
    all; ``why`` says for whom.
    """

    eps: float
    certified: Interval
    fooled: int
    open: int
    tried: int
    passes: float
    seconds: float
    why: str


@dataclass(frozen=True)
class Bracket:
    """The lower end of robust accuracy. ``why`` says why there is none, and is empty else.

    ``curve`` is the certified share as a step function of eps.
    """

    why: str
    by_eps: Sequence[Proofs]
    curve: Sequence[tuple[float, Interval]]


@dataclass(frozen=True)
class Audit:
    """One finished audit. ``robust`` ascends in eps; ``curve`` is a right-continuous step function.

    ``added`` divides at every eps the images that were lost among the attacks, in the order of the
    suite: an image counts for the first attack with an example within that eps. ``clean.n``, every
    ``robust`` interval and every ``curve`` interval speak of the same images.
    """

    verdict: str
    model: Mapping[str, Any]
    data: Mapping[str, Any]
    norm: str
    clean: Interval
    robust: Sequence[tuple[float, Interval]]
    curve: Sequence[tuple[float, Interval]]
    added: Mapping[float, Mapping[str, int]]
    attacks: Sequence[AttackRow]
    suite: str
    seed: int
    command: str
    environment: Mapping[str, str]
    notes: Sequence[str]
    started: str
    finished: str
    maps_to: Mapping[str, str]
    """By vocabulary (MITRE ATLAS, OWASP, NIST) the terms that the attacks map to."""
    trust: Trust | None = None
    """None for a run of a version that checked nothing."""
    breakdown: Breakdown | None = None
    """None for a run of a version that kept none."""
    band: float | None = None
    """How far the whole curve may be off, at all eps at once, with 95%."""
    needed: int | None = None
    """Images for an interval of +-2 points at the largest eps."""
    bracket: Bracket | None = None
    """None for a run of a version that proved nothing."""
