"""Checks and conversion of the user's own samples."""

from collections import Counter
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from advkit.data.lazy_rows import LazyRows
from advkit.data.pixels import to_labels, to_unit
from advkit.data.samples import Samples
from advkit.errors import InputError


def checked(samples: Samples) -> Samples:
    """Return ``samples`` with float32 images in [0, 1], int64 labels and ids as text.

    Arrays of numpy become tensors, uint8 is divided by 255. Raises InputError for images out of [0,
    1] or with NaN, labels that are not one integer of at least 0 per image, and ids that are
    missing or repeated.
    """
    x, name = samples.x, samples.name
    pixels = x if isinstance(x, LazyRows) else to_unit(array(x), name)
    n = len(pixels)
    y = to_labels(array(samples.y), n, name)
    classes = tuple(map(str, samples.classes)) if samples.classes else None
    return samples._replace(x=pixels, y=y, ids=_ids(samples, n), classes=classes)


def array(values: Any) -> NDArray[np.generic]:
    """Return a tensor, an array or a list of them as one array, from any device."""
    if isinstance(values, Tensor):
        values = values.detach().cpu()
        values = (values.float() if values.dtype == torch.bfloat16 else values).numpy()
    return np.asarray(values)


def _ids(samples: Samples, n: int) -> tuple[str, ...]:
    ids = tuple(map(str, samples.ids))
    if len(ids) != n:
        raise InputError(f"{samples.name} has {n} images, but {len(ids)} ids", "one id per image")
    twice = [name for name, times in Counter(ids).items() if times > 1]
    if twice:
        raise InputError(
            f"{samples.name} has the id {twice[0]!r} more than once",
            "ids tell the images apart in the results: give each its own",
        )
    return ids
