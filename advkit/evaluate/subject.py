"""The few images on which an audit is checked, with the model as attacks see it."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from torch import Tensor

from advkit.attacks.options import Attack
from advkit.attacks.walks import margins_of
from advkit.data.samples import take, units
from advkit.engine.objectives import Model
from advkit.evaluate.stage_context import Work

LARGE = 3 * 96 * 96
"""Numbers in an image from which on checks make do with fewer images."""


SMALL, FINE = 1e-3, 1e-6
"""Steps below what 8 bits of an image can show, and below what 16 bits of sound can: the logarithm
of a spectrogram bends sharply where there is silence."""


class Subject(NamedTuple):
    """Images (n, ...) that the model reads right, and how they may be changed.

    ``model`` is the model itself, ``guide`` the one whose gradient attacks follow.
    """

    model: Model
    guide: Model
    x: Tensor
    y: Tensor
    ids: Sequence[str]
    norm: str
    eps: Sequence[float]
    """Ascending."""
    seed: int
    unit: Tensor | None = None
    """How much in ``x`` counts as 1 of eps, (n,), where it is not 1."""
    small: float = SMALL
    """Length (Linf) of the step by which a gradient is tried."""

    @property
    def middle(self) -> float:
        """The eps in the middle of those audited."""
        return self.eps[len(self.eps) // 2]

    def margins(self, x: Tensor) -> Tensor:
        """Return how far ``x`` is over the boundary by the model itself, (n,): fooled if > 0."""
        return margins_of(self.model, x, self.y)

    def after(self, attack: Attack, eps: float | Tensor, **options: object) -> Tensor:
        """Return what ``attack`` finds within ``eps`` (of all, or (n,)) by the guide's gradient."""
        given = {"norm": self.norm, "seed": self.seed, "ids": self.ids, **options}
        return attack(self.guide, self.x, self.y, eps=self.radius(eps), **given)

    def radius(self, eps: float | Tensor) -> float | Tensor:
        """Return ``eps`` as attacks take it."""
        return eps if self.unit is None else eps * self.unit

    def only(self, at: Sequence[int]) -> "Subject":
        """Return the subject with the images at these places alone."""
        places = list(at)
        unit = None if self.unit is None else self.unit[places]
        names = [self.ids[i] for i in places]
        return self._replace(x=self.x[places], y=self.y[places], ids=names, unit=unit)

    def reached(self, attack: Attack, **options: object) -> Tensor:
        """Return the margins (n,) that ``attack`` reaches within the largest eps."""
        return self.margins(self.after(attack, self.eps[-1], **options))


def subject_of(work: Work, at: np.ndarray, most: int, eps: Sequence[float]) -> Subject:
    """Return `few` of the samples ``at`` as a subject."""
    return subject_at(work, few(work, at, most).tolist(), eps)


def few(work: Work, at: np.ndarray, most: int) -> np.ndarray:
    """Return up to ``most`` of the positions ``at``, evenly spread; of large images a quarter.

    No more than a quarter of all, so that checks never cost more than what they check.
    """
    if work.samples.x[0].numel() > LARGE:
        most //= 4
    most = max(min(most, len(work.samples.ids) // 4), 1)
    places = np.linspace(0, len(at) - 1, min(most, len(at))).round().astype(int)
    return np.asarray(at[np.unique(places)])


def subject_at(work: Work, at: Sequence[int], eps: Sequence[float]) -> Subject:
    """Return the samples at these positions as a subject."""
    part = take(work.samples, at)
    return Subject(
        work.judge or work.model,
        work.model,
        part.x,
        part.y,
        part.ids,
        work.norm,
        sorted(eps),
        work.seed,
        units(part, work.norm),
        SMALL if part.rate is None else FINE,
    )


def share(flags: Tensor) -> str:
    """Return how many of how many ``flags`` are set."""
    return f"{int(flags.sum())} of {len(flags)}"
