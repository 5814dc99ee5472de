"""What a page knows of one image before and after an attack."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Guess:
    """A class as the model names it, and the probability that it gives it."""

    name: str
    probability: float


@dataclass(frozen=True)
class Card:
    """One image before and after: ``clean`` and ``adversarial`` are (H, W, C) floats in [0, 1].

    ``before`` and ``after`` are the likeliest classes, by falling probability. ``margins`` are best
    other logit minus that of the label at even steps on the straight way from ``clean`` to
    ``adversarial``: below zero the image is read right. ``size`` is the length of the perturbation
    in the audit's norm, ``sizes`` those in all norms.
    """

    sample: str
    label: str
    clean: NDArray[np.floating[Any]]
    adversarial: NDArray[np.floating[Any]]
    before: Sequence[Guess]
    after: Sequence[Guess]
    margins: Sequence[float]
    attack: str
    eps: float | None
    size: float
    sizes: Mapping[str, float]
    why: str = ""
    """Why this image is shown: easiest, hardest, or nothing."""
    maps: tuple[NDArray[np.floating[Any]], NDArray[np.floating[Any]]] | None = None
    """How much the label's logit depends on each pixel (H, W), before and after."""
    likeness: float = 0.0
    """Spearman's correlation of the two maps."""
