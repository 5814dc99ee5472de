"""The data of one image before and after an attack."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Guess:
    """A predicted class, and its probability."""

    name: str
    probability: float


@dataclass(frozen=True)
class Card:
    """One image before and after: ``clean`` and ``adversarial`` are (H, W, C) floats in [0, 1].

    ``before`` and ``after`` are the top classes, by descending probability. ``margins`` are best
    other logit minus that of the label at even steps on the line from ``clean`` to ``adversarial``:
    below zero the image is classified correctly. ``size`` is the size of the perturbation in the
    audit's norm, ``sizes`` those in all norms.
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
    """Why this image is shown: easiest, hardest, or empty."""
    maps: tuple[NDArray[np.floating[Any]], NDArray[np.floating[Any]]] | None = None
    """Gradient of the label's logit per pixel (H, W), before and after."""
    likeness: float = 0.0
    """Spearman's correlation of the two maps."""
