"""The data of an audit: images or sound in [0, 1], labels, ids."""

from collections.abc import Iterable
from hashlib import sha256
from typing import NamedTuple

from torch import Tensor

PIXELS, SIGNAL = (0.0, 1.0), (-1.0, 1.0)
"""The ranges of images and of waveforms."""


class Samples(NamedTuple):
    """Labelled images or sounds; row i of ``x``, ``y`` and ``ids`` belong together."""

    x: Tensor
    """(n, channels, height, width) or (n, features), float32, in [0, 1]."""
    y: Tensor
    """(n,), int64, the index of the true class."""
    ids: tuple[str, ...]
    """Unique, and the same in every run whatever the limit."""
    classes: tuple[str, ...] | None
    name: str
    notes: tuple[str, ...] = ()
    """What was done to the data that a reader of the results should know."""
    box: tuple[float, float] = PIXELS
    """What 0 and 1 stand for. Everything inside advkit is in [0, 1]; eps and sizes are told in the
    units of this range, so that those of a waveform are twice as large as in ``x``."""
    rate: int | None = None
    """Of sound: numbers per second."""


def take(samples: Samples, index: Iterable[int]) -> Samples:
    """Return the samples at ``index``, in that order."""
    rows = [int(i) for i in index]
    ids = tuple(samples.ids[i] for i in rows)
    return samples._replace(x=samples.x[rows], y=samples.y[rows], ids=ids)


def fingerprint(samples: Samples) -> str:
    """Return the sha256 of images, labels and ids, in hexadecimal."""
    digest = sha256(repr((tuple(samples.x.shape), samples.ids)).encode())
    digest.update(samples.x.cpu().contiguous().numpy().tobytes())
    digest.update(samples.y.cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()
