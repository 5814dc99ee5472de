"""What a run knows about itself: the facts that a page shows and a summary holds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Interval:
    """A share of ``n`` images with its 95% Wilson interval (all three in [0, 1])."""

    value: float
    low: float
    high: float
    count: int
    n: int


@dataclass(frozen=True)
class AttackRow:
    """What one attack did at one eps: one row per (attack, eps), in the order in which they ran.

    ``tried`` are the images still standing when its turn came, ``fooled`` those that it broke,
    ``invalid`` those it returned outside the ball or the box (never counted as fooled).
    ``forwards`` and ``backwards`` are means per tried image; ``seconds`` is for all of them.
    """

    attack: str
    eps: float
    tried: int
    fooled: int
    invalid: int
    forwards: float
    backwards: float
    seconds: float
    options: Mapping[str, Any]


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


@dataclass(frozen=True)
class Card:
    """One image before and after: ``clean`` and ``adversarial`` are (H, W, C) floats in [0, 1].

    ``size`` is the perturbation's length in the audit's norm.
    """

    sample: str
    label: str
    clean: NDArray[np.floating[Any]]
    adversarial: NDArray[np.floating[Any]]
    clean_prediction: str
    clean_confidence: float
    adversarial_prediction: str
    adversarial_confidence: float
    attack: str
    eps: float
    size: float
