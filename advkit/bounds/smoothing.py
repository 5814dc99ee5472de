"""Randomised smoothing: a certificate of the smoothed classifier, not of the model (Cohen 2019).

The smoothed classifier predicts the class that the model predicts most often under normal noise of
deviation sigma. If that class has probability p > 1/2 it does not change within an L2 ball of
radius sigma * Phi^-1(p). p is estimated from samples, with a confidence bound.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from scipy.special import betaincinv, ndtri
from torch import Tensor, nn

from advkit.engine.seeding import keys, normal

GUESS = 64
"""Draws that select the class; others estimate its probability."""
TOGETHER = 256


class Smoothed(NamedTuple):
    """Per sample, (n,): the class of the smoothed classifier, and its probability.

    least: lower confidence bound of the class's probability under noise. radius: in L2, within
    which the class does not change; 0 if ``least`` is not above 1/2.
    """

    read_as: Tensor
    least: Tensor
    radius: Tensor


def smoothed(
    model: nn.Module,
    x: Tensor,
    classes: int,
    *,
    sigma: float,
    draws: int,
    doubt: float,
    seed: int = 0,
    ids: Sequence[str] | None = None,
) -> Smoothed:
    """Return the certificate of ``x`` (n, ...), wrong with probability at most ``doubt``.

    Each sample takes ``draws`` passes and `GUESS` more. Noisy images are not clipped to [0, 1], as
    the radius assumes normal noise.
    """
    names = [str(i) for i in range(len(x))] if ids is None else ids
    rows = [
        _one(model, x[i], classes, sigma, draws, doubt, keys(seed, [name], x[i : i + 1], "smooth"))
        for i, name in enumerate(names)
    ]
    read_as, least = ([row[k] for row in rows] for k in (0, 1))
    radius = [_radius(p, sigma) for p in least]
    return Smoothed(torch.tensor(read_as), torch.tensor(least), torch.tensor(radius))


def _radius(least: float, sigma: float) -> float:
    return sigma * float(ndtri(least)) if least > 0.5 else 0.0


def reach(sigma: float, draws: int, doubt: float) -> float:
    """Return the largest possible radius: that of an image whose draws all agree."""
    return _radius(least_share(draws, draws, doubt), sigma)


def _one(
    model: nn.Module, x: Tensor, classes: int, sigma: float, draws: int, doubt: float, key: Tensor
) -> tuple[int, float]:
    guess = _counts(model, x, classes, sigma, GUESS, key, 0)
    top = int(guess.argmax())
    hits = int(_counts(model, x, classes, sigma, draws, key, 1)[top])
    return top, least_share(hits, draws, doubt)


def least_share(hits: int, draws: int, doubt: float) -> float:
    """Return the one-sided lower bound of a share (Clopper and Pearson 1934)."""
    return float(betaincinv(hits, draws - hits + 1, doubt)) if hits else 0.0


def _counts(
    model: nn.Module, x: Tensor, classes: int, sigma: float, draws: int, key: Tensor, part: int
) -> Tensor:
    """Return how often the model predicts every class, (classes,), over ``draws`` noises."""
    found = torch.zeros(classes, dtype=torch.long)
    for at in range(0, draws, TOGETHER):
        many = min(TOGETHER, draws - at)
        noise = normal(key, (many, *x.shape), stream=2 * (at // TOGETHER) + part)[0]
        with torch.no_grad():
            logits = model(x + sigma * noise.to(x))
        found += logits.argmax(1).cpu().bincount(minlength=classes)
    return found
