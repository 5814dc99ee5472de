"""Linear models fitted to one half of the images and evaluated on the other."""

import warnings
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from torch import Tensor

from advkit.data.samples import Samples, take
from advkit.data.stratified import chosen
from advkit.errors import InputError, UnknownNameError, UsageError, did_you_mean
from advkit.models import Classifier
from advkit.models.affine import Affine
from advkit.models.scikit import affine_weights, from_estimator

USUAL = ("Sneaker", "Bag")
NUMBERS = 50_000_000
"""Limit on the total pixels of a half, as fits hold them in float64."""


class Halves(NamedTuple):
    """Images to fit on and images to evaluate on, with classes numbered from 0."""

    train: Samples
    test: Samples


class Fit(NamedTuple):
    """A fitted linear model: the classifier, and its weights in float64."""

    model: Classifier
    weights: Affine


def halves(samples: Samples, most: int = 1_000) -> Halves:
    """Return every second image of each class to fit on, the others to evaluate on.

    Each half has about ``most`` images, fewer if they are large, in the proportions of the classes.
    Raises InputError if a class has a single image.
    """
    kept: Sequence[int] = range(len(samples.y))
    most = min(most, max(NUMBERS // samples.x[0].numel(), 1))
    if len(samples.y) > 2 * most:
        kept = chosen(samples.y.tolist(), 2 * most)
    seen: Counter[int] = Counter()
    sides: tuple[list[int], list[int]] = ([], [])
    for position in kept:
        label = int(samples.y[position])
        sides[seen[label] % 2].append(position)
        seen[label] += 1
    lonely = [label for label, count in seen.items() if count < 2]
    if lonely:
        name = class_names(samples)[lonely[0]]
        raise InputError(f"{samples.name} has a single image of {name}", "give two or more")
    return Halves(take(samples, sides[0]), take(samples, sides[1]))


def two_classes(samples: Samples, names: Sequence[str] = ()) -> Samples:
    """Return the images of two classes as classes 0 and 1.

    By default sneaker and bag if the data has them, else the first two. Raises UsageError for an
    unknown name, InputError if there is only one class.
    """
    known = class_names(samples)
    if len(known) < 2:
        raise InputError(
            f"{samples.name} has images of one class", "two are needed to separate them"
        )
    if not names:
        names = USUAL if set(USUAL) <= set(known) else known[:2]
    if len(names) != 2 or names[0] == names[1]:
        raise UsageError(
            f"--classes {','.join(names)} is not a pair", "two names: Sneaker,Bag", code="E203"
        )
    for name in names:
        if name not in known:
            raise UnknownNameError(f"there is no class {name!r}", did_you_mean(name, known))
    pair = [known.index(name) for name in names]
    found = take(samples, [i for i, label in enumerate(samples.y.tolist()) if label in pair])
    return found._replace(y=(found.y == pair[1]).long(), classes=tuple(names))


def class_names(samples: Samples) -> tuple[str, ...]:
    """Return the names of all classes, generated if the data has none."""
    if samples.classes:
        return samples.classes
    return tuple(f"class {i}" for i in range(int(samples.y.max()) + 1))


def fit(samples: Samples, decay: float, *, name: str = "") -> Fit:
    """Fit logistic (two classes) or softmax regression with weight decay.

    Minimises the mean cross entropy plus decay / 2 times the squared size of the weights, by
    scikit-learn's L-BFGS from zero: the same on every run. Raises InputError if a class is missing,
    as the rows of the weights would not match the classes.
    """
    x, y = samples.x.flatten(1).double().numpy(), samples.y.numpy()
    names = class_names(samples)
    missing = sorted(set(range(len(names))) - set(y.tolist()))
    if missing:
        raise InputError(f"{samples.name} has no image of {names[missing[0]]}", "give all classes")
    estimator = LogisticRegression(C=1 / (decay * len(x)), max_iter=400, tol=1e-6)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # weak decay converges slowly
        estimator.fit(x, y)
    weights = affine_weights(estimator)
    assert weights, "logistic regression is linear"  # noqa: S101
    model = from_estimator(estimator, name=name or f"decay {decay:g}", classes=names)
    return Fit(model, Affine(*(torch.tensor(np.asarray(part)) for part in weights)))


def accuracy(fitted: Fit, samples: Samples) -> tuple[int, int]:
    """Return (images classified correctly, all images); a tie is not correct."""
    logits = fitted.weights.logits(samples.x)
    return int((logits.argmax(1) == samples.y).sum()), len(samples.y)


def templates(fitted: Fit, shape: Sequence[int]) -> Tensor:
    """Return the template of each class: its weights minus their mean, (K, *shape), float64.

    The mean does not affect predictions. Two classes have one template, that of the second.
    """
    weight = fitted.weights.weight
    centred = weight - weight.mean(0)
    kept = centred[1:] if len(centred) == 2 else centred
    return kept.reshape(-1, *shape)
