"""The data of an audit: images or sound in [0, 1], labels, ids."""

from collections.abc import Iterable, Sequence
from hashlib import sha256
from typing import NamedTuple

import torch
from torch import Tensor

from advkit.engine import NORMS
from advkit.errors import InputError

PIXELS, SIGNAL = (0.0, 1.0), (-1.0, 1.0)
"""The ranges of images and of waveforms."""


CHUNK = 32
"""Samples hashed at once."""


class Samples(NamedTuple):
    """Labelled images or sounds; row i of ``x``, ``y`` and ``ids`` belong together.

    >>> mine = advkit.Samples(
    ...     torch.rand(2, 1, 8, 8), torch.tensor([3, 7]), ("a", "b"), classes=None, name="mine"
    ... )
    >>> advkit.attack("fgsm", "bundled:digits-cnn", mine, eps=0.1)["clean"]["n"]
    2
    """

    x: Tensor
    """(n, channels, height, width) or (n, features), float32, in [0, 1]; `LazyRows` if large."""
    y: Tensor
    """(n,), int64, the index of the true class."""
    ids: tuple[str, ...]
    """Unique, and the same in every run for any limit."""
    classes: tuple[str, ...] | None
    name: str
    notes: tuple[str, ...] = ()
    """Conversions of the data that readers of the results should know."""
    box: tuple[float, float] = PIXELS
    """The values that 0 and 1 represent. Everything inside advkit is in [0, 1]; eps and sizes are
    reported in units of this range, so that those of a waveform are twice as large as in ``x``."""
    rate: int | None = None
    """Of sound: samples per second."""
    relative: bool = False
    """Whether eps and sizes are relative to each sample's own size in the same norm."""
    mapped: bool = False
    """Whether classes were numbered by a class map: ``classes`` may then be fewer than the model's.
    """

    def __repr__(self) -> str:
        """Return a line: the values themselves, and every id, would fill a notebook."""
        size = " x ".join(map(str, getattr(self.x, "shape", ())[1:])) or "unknown size"
        known = "no class names" if self.classes is None else f"{len(self.classes)} classes"
        return f"Samples({self.name}: {len(self.x)} of {size}, {known})"


def moved(samples: Samples, device: torch.device) -> Samples:
    """Return the samples on ``device``."""
    return samples._replace(x=samples.x.to(device), y=samples.y.to(device))


def class_name(classes: Sequence[str], index: int) -> str:
    """Return the name of class ``index``, or its number if it has no name."""
    return classes[index] if index < len(classes) else f"class {index}"


def take(samples: Samples, index: Iterable[int]) -> Samples:
    """Return the samples at ``index``, in that order."""
    rows = [int(i) for i in index]
    ids = tuple(samples.ids[i] for i in rows)
    return samples._replace(x=samples.x[rows], y=samples.y[rows], ids=ids)


def units(samples: Samples, norm: str) -> Tensor | None:
    """Return the length in ``x`` that counts as 1 for every sample, (n,); None if it is 1.

    For waveforms that is half, as [-1, 1] is twice as wide as [0, 1]; for ``relative`` samples it
    is their own size, so that the L2 eps of a signal-to-noise ratio of d decibels is 10 ** (-d /
    20), and the Linf eps that of the peaks (Carlini and Wagner 2018).
    """
    low, high = samples.box
    if norm == "L0" or (high - low == 1 and not samples.relative):
        return None
    if not samples.relative:
        return samples.x.new_full((len(samples.x),), 1 / (high - low))
    silence = -low / (high - low)
    return NORMS[norm].size(samples.x.double() - silence).to(samples.x.dtype)


def taken_relative(samples: Samples, otherwise: str = ", or give eps as a plain number") -> Samples:
    """Return samples with eps and sizes relative to their own; raises InputError for silence.

    ``otherwise`` is what its hint offers besides leaving the sample out.
    """
    relative = samples._replace(
        relative=True,
        notes=(
            *samples.notes,
            "eps and sizes are shares of each sample's own size: 0.1 is 20 dB below it, 0.01 is "
            "40 dB",
        ),
    )
    size = units(relative, "L2")
    if size is not None and bool((size == 0).any()):
        raise InputError(
            f"the sample {samples.ids[int((size == 0).nonzero()[0])]} of {samples.name} is silent",
            f"decibels below it are undefined: leave it out{otherwise}",
        )
    return relative


def fingerprint(samples: Samples) -> str:
    """Return the sha256 of images, labels and ids, in hexadecimal."""
    digest = sha256(repr((tuple(samples.x.shape), samples.ids)).encode())
    for start in range(0, len(samples.x), CHUNK):
        rows = samples.x[start : start + CHUNK]
        digest.update(rows.cpu().contiguous().numpy().tobytes())
    digest.update(samples.y.cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()
