"""Which images a model takes that does not say so: how many channels, and how large."""

import re
from collections.abc import Sequence

import torch
from torch import Tensor

from advkit.models.classifier import Classifier

CHANNELS = re.compile(r"to have (\d+) channels?, but got (\d+) channels?")
"""What torch says where the channels do not fit."""


def wants_grey(classifier: Classifier, x: Tensor) -> bool:
    """Return whether the model takes one channel, and not the three of pictures ``x`` (n, ...).

    It is asked for one of them. False of a black box, whose answers may have a price.
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

    Where it takes colours and grey, they are in colour; where it takes no side, of the first one.
    """
    asked = [_square(classifier, side) for side in sides]
    return next((shape for shape, taken in asked if taken), asked[0][0])


def _square(classifier: Classifier, side: int) -> tuple[tuple[int, int, int], bool]:
    """Return the likeliest images of a side, and whether the model takes them."""
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
