"""The data of an audit for its page and its summary."""

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
    """Return the interval in a row of results, which may have more fields."""
    return Interval(**{name: row[name] for name in Interval.__dataclass_fields__})


@dataclass(frozen=True)
class AttackRow:
    """Results of one attack at one eps: one row per (attack, eps), in the order of the run.

    ``eps`` is None for minimum-norm attacks. ``tried`` are the images surviving before it,
    ``fooled`` those that it fooled, ``invalid`` those it returned outside the ball or the box
    (never counted as fooled). ``forwards`` and ``backwards`` are means per tried image; ``seconds``
    is for all of them.
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
    """Details of robust accuracy.

    ``by_class`` are (class, when clean, at each eps of the audit); ``confusion`` (class, predicted
    as, images) within the largest eps; ``distances`` count nearest examples in the bins between
    ``edges``, with ``beyond`` further away or unknown; ``easiest`` and ``hardest`` are (sample,
    class, size of its nearest example, None if none was found).
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
    """One check of whether a number can be trusted: its outcome, and the evidence.

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
    """Margins of surviving images after so many ``steps`` of an attack: below 0 not fooled.

    ``low``, ``middle`` and ``high`` are the 10%, 50% and 90% quantiles over the images, ``nearest``
    is the image with the highest final margin.
    """

    steps: Sequence[int]
    low: Sequence[float]
    middle: Sequence[float]
    high: Sequence[float]
    nearest: Sequence[float]


@dataclass(frozen=True)
class Trust:
    """The result of all checks: ``overall`` is ok, repaired or doubtful."""

    overall: str
    headline: str
    checks: Sequence[Check]
    courses: Courses | None = None
    """None if no image survives, and for runs of a version without them."""

    @property
    def failed(self) -> Sequence[Check]:
        """The checks that failed."""
        return [check for check in self.checks if check.state == "fail"]


@dataclass(frozen=True)
class Proofs:
    """Certification at one eps: the certified share, and how the rest divides.

    ``tried`` are the images for which a proof was sought, at ``passes`` each and ``seconds`` in
    all; ``why`` says for which images.
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
    """The lower end of robust accuracy. ``why`` says why there is none, else it is empty.

    ``curve`` is the certified share as a step function of eps.
    """

    why: str
    by_eps: Sequence[Proofs]
    curve: Sequence[tuple[float, Interval]]


@dataclass(frozen=True)
class Audit:
    """One finished audit. ``robust`` ascends in eps; ``curve`` is a right-continuous step function.

    ``added`` divides at every eps the fooled images among the attacks, in the order of the suite:
    an image counts for the first attack with an example within that eps. ``clean.n``, every
    ``robust`` interval and every ``curve`` interval refer to the same images.
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
    """None for runs of a version without checks."""
    breakdown: Breakdown | None = None
    """None for runs of a version without it."""
    band: float | None = None
    """Half width of the simultaneous 95% band of the curve."""
    needed: int | None = None
    """Images for an interval of +-2 points at the largest eps."""
    bracket: Bracket | None = None
    """None for runs of a version without proofs."""
