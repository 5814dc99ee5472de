"""The images used by the trust checks, with the model as attacks query it."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from torch import Tensor

from advkit.attacks.options import Attack
from advkit.attacks.walks import margins_of
from advkit.data.samples import take, units
from advkit.engine.objectives import Model
from advkit.evaluate.randomised import OnAverage
from advkit.evaluate.stage_context import Work

LARGE = 3 * 96 * 96
"""Size of an image in numbers from which on checks use fewer images."""


SMALL, FINE = 1e-3, 1e-6
"""Steps below the resolution of 8-bit images, and of 16-bit sound: the logarithm of a spectrogram
is strongly curved at silence."""


class Subject(NamedTuple):
    """Correctly classified images (n, ...), and the threat model.

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
    """Length (Linf) of the step with which gradients are tested."""

    @property
    def middle(self) -> float:
        """The eps in the middle of those audited."""
        return self.eps[len(self.eps) // 2]

    @property
    def random(self) -> bool:
        """Whether the model's outputs are random: a point may fool once, but not on average."""
        return isinstance(self.model, OnAverage)

    def margins(self, x: Tensor) -> Tensor:
        """Return the margins of ``x`` by the model itself, (n,): fooled if > 0."""
        return margins_of(self.model, x, self.y)

    def after(self, attack: Attack, eps: float | Tensor, **options: object) -> Tensor:
        """Return the examples of ``attack`` within ``eps`` (scalar or (n,)) on the guide."""
        given = {"norm": self.norm, "seed": self.seed, "ids": self.ids, **options}
        return attack(self.guide, self.x, self.y, eps=self.radius(eps), **given)

    def radius(self, eps: float | Tensor) -> float | Tensor:
        """Return ``eps`` as attacks take it: per sample if the samples have units."""
        return eps if self.unit is None else eps * self.unit

    def only(self, at: Sequence[int]) -> "Subject":
        """Return the subject with the images at these positions only."""
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
    """Return up to ``most`` of the positions ``at``, evenly spread; a quarter for large images.

    At most a quarter of all samples, so that checks never cost more than the attacks.
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
    """Return how many of the ``flags`` are set, in words."""
    return f"{int(flags.sum())} of {len(flags)}"
