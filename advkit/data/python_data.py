"""Data passed in Python: `Samples`, a data set or its loader, arrays, a path."""

from collections.abc import Sequence
from os import PathLike, fspath
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import DataLoader, Dataset

from advkit.data.samples import Samples
from advkit.data.specs import load_data
from advkit.data.user_data import samples_in
from advkit.errors import EmptyError
from advkit.spec_text import Spec

Array = torch.Tensor | NDArray[np.generic] | list[Any]
Data = (
    str
    | PathLike[str]
    | Samples
    | Dataset[Any]
    | DataLoader[Any]
    | tuple[Array, Array]
    | Sequence[tuple[Any, int]]
)
"""A spec or a path, `Samples`, or what `advkit.data.user_data` accepts from a callable. Of a
DataLoader its data set is used: in its own order, without batches."""


def given(data: Data, limit: int | None, shape: tuple[int, ...] | None = None) -> Samples:
    """Return at most ``limit`` samples of ``data``; raises AdvkitError.

    PIL images are resized to ``shape``.
    """
    if isinstance(data, str | PathLike):
        return load_data(fspath(data), limit=limit, shape=shape)
    name = name_of_data(data)
    if limit == 0:
        raise EmptyError(f"limit 0 leaves nothing of {name}", "a whole number from 1 up")
    found = data.dataset if isinstance(data, DataLoader) else data
    samples = samples_in(found, Spec(name, "", name, {}), limit, shape)
    if not len(samples.x):
        raise EmptyError(f"{name} has no samples", "nothing was evaluated")
    return samples


def name_of_data(data: Data) -> str:
    """Return a name for data: the spec, the data's own name, or the type."""
    if isinstance(data, str | PathLike):
        return fspath(data)
    if isinstance(data, Samples):
        return data.name
    found = data.dataset if isinstance(data, DataLoader) else data
    return "arrays" if isinstance(found, tuple) else type(found).__name__
