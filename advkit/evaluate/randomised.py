"""Models with random outputs: mean logits, and reproducible random numbers."""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import blake2b

import numpy as np
import torch
from torch import Tensor, nn

from advkit.models.classifier import Classifier

ASKED, ATTACKED = 32, 8
"""Passes averaged for one judgement, and passes whose mean gradient an attack follows (EOT)."""
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
        return torch.stack([self.once(x) for _ in range(self.draws)]).mean(0)

    @property
    def black_box(self) -> bool:
        """Whether the model itself is a black box."""
        return self.once.black_box

    def fingerprint(self) -> str:
        """Return the fingerprint of the model itself."""
        return self.once.fingerprint()


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
