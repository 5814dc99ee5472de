"""Models with random outputs: mean logits, and reproducible random numbers."""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import blake2b

import numpy as np
import torch
from torch import Tensor, nn

from advkit.engine.objectives import Model
from advkit.models.classifier import Classifier

ASKED, MOST, ATTACKED = 32, 512, 8
"""Passes averaged for one judgement, first and at most, and passes whose mean gradient an attack
follows (EOT)."""
SURE = 3.0
"""Standard errors by which a class leads that need not be asked for again. The many points of many
attacks are judged: at a smaller lead some would count as fooled by chance."""
SAME = 1e-4
"""Largest difference between two outputs that counts as equal, relative to the largest logit; as in
AutoAttack."""


class OnAverage(Classifier):
    """A classifier whose logits are the mean over ``draws`` passes of a randomised model.

    Random numbers are fresh each time, so that an attack that overfits to some is judged by others.
    """

    def __init__(self, model: Classifier, draws: int) -> None:
        nn.Module.__init__(self)
        self.once, self.draws = model, draws
        self.name, self.classes, self.n_classes = model.name, model.classes, model.n_classes
        self.shape, self.notes = model.shape, model.notes

    def forward(self, x: Tensor) -> Tensor:
        """Return the mean logits (n, n_classes)."""
        return self.answers(x).mean(0)

    def answers(self, x: Tensor) -> Tensor:
        """Return the logits of every pass, (draws, n, n_classes)."""
        return torch.stack([self.once(x) for _ in range(self.draws)])

    @property
    def black_box(self) -> bool:
        """Whether the model itself is a black box."""
        return self.once.black_box

    def fingerprint(self) -> str:
        """Return the fingerprint of the model itself."""
        return self.once.fingerprint()


class Settled(OnAverage):
    """The judge of a randomised model: asks again as long as two classes are close on average.

    An image is settled once the mean logit of its first class is `SURE` standard errors above that
    of the second, and after `MOST` passes in any case.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Return the mean logits (n, n_classes)."""
        some, asked = self.answers(x), self.draws
        total, left = some.sum(0), torch.arange(len(x), device=x.device)
        logits = total / asked
        while asked < MOST and len(left := left[_near(some, logits[left], asked)]):
            some, asked = self.answers(x[left]), asked + self.draws
            total[left] += some.sum(0)
            logits[left] = total[left] / asked
        return logits


def _near(some: Tensor, mean: Tensor, asked: int) -> Tensor:
    """Return whether the first two classes are close, (n,), after ``asked`` passes.

    ``mean`` (n, n_classes) are the mean logits; ``some`` (k, n, n_classes), the last of the passes,
    show the spread.
    """
    two = mean.topk(2).indices
    behind = some.gather(2, two.expand(len(some), -1, -1)).diff(dim=2).squeeze(2)
    error: Tensor = behind.std(0) / asked**0.5
    return mean.gather(1, two).diff(dim=1).squeeze(1) > -SURE * error


def draws_of(model: Classifier) -> int:
    """Return the passes of the model itself that one query takes."""
    return model.draws if isinstance(model, OnAverage) else 1


def evenly(model: Model) -> Model:
    """Return the model at the same cost for every image: without asking again as `Settled` does."""
    return OnAverage(model.once, model.draws) if isinstance(model, Settled) else model


def once(model: Classifier) -> Classifier:
    """Return the model that computes a single pass: the one under `OnAverage`, or ``model``."""
    return model.once if isinstance(model, OnAverage) else model


@torch.no_grad()
def spread(model: Classifier, x: Tensor, passes: int = 5) -> float:
    """Return the largest difference between outputs for the same ``x``, over the largest logit."""
    with seeded("spread"):
        logits = torch.stack([model(x).double() for _ in range(passes)])
    largest = logits.abs().amax().clamp_min(1e-12)
    return float((logits.amax(0) - logits.amin(0)).amax() / largest)


@contextmanager
def seeded(*purpose: object) -> Iterator[None]:
    """Seed the global generators of torch, NumPy and Python within the block; restore them."""
    digest = blake2b(repr(purpose).encode(), digest_size=4).digest()
    number = int.from_bytes(digest, "little")
    others = np.random.get_state(), random.getstate()
    with torch.random.fork_rng():
        torch.manual_seed(number)
        np.random.seed(number)
        random.seed(number)
        try:
            yield
        finally:
            np.random.set_state(others[0])
            random.setstate(others[1])
