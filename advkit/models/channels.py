"""Input channels and size of models that do not declare them, found by trial."""

import re
from collections.abc import Sequence

import torch
from torch import Tensor

from advkit.models.classifier import Classifier

CHANNELS = re.compile(r"to have (\d+) channels?, but got (\d+) channels?")
"""torch's error message for a wrong number of channels."""


def wants_grey(classifier: Classifier, x: Tensor) -> bool:
    """Return whether the model takes one channel, not the three of images ``x`` (n, ...).

    Tries one image. False for a black box, whose queries may cost money.
    """
    if x.ndim != 4 or x.shape[1] != 3 or classifier.black_box:
        return False
    failed = _failure(classifier, x[:1])
    if failed is None:
        return False
    channels = CHANNELS.search(str(failed))
    return channels[1] == "1" if channels else _failure(classifier, x[:1][:, :1]) is None


def square_images(classifier: Classifier, sides: Sequence[int]) -> tuple[int, int, int]:
    """Return the (channels, side, side) of the first of ``sides`` that the model takes.

    Colour if it takes both colour and grey; the first side if it takes none.
    """
    asked = [_square(classifier, side) for side in sides]
    return next((shape for shape, taken in asked if taken), asked[0][0])


def _square(classifier: Classifier, side: int) -> tuple[tuple[int, int, int], bool]:
    """Return the likeliest image shape for a side, and whether the model takes it."""
    grey = torch.full((1, 1, side, side), 0.5)
    failed = _failure(classifier, grey.expand(1, 3, side, side))
    if failed is None:
        return (3, side, side), True
    channels = CHANNELS.search(str(failed))
    wanted = int(channels[1]) if channels else 1
    taken = _failure(classifier, grey.expand(1, wanted, side, side)) is None
    return (wanted if taken or channels else 3, side, side), taken


def _failure(classifier: Classifier, x: Tensor) -> Exception | None:
    try:
        with torch.no_grad():
            classifier.unpadded(x.clone())
    except Exception as error:
        return error
    return None
