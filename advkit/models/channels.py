"""Which channels a model takes that does not say so."""

import re

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


def _failure(classifier: Classifier, x: Tensor) -> Exception | None:
    try:
        with torch.no_grad():
            classifier.unpadded(x.clone())
    except Exception as error:
        return error
    return None
