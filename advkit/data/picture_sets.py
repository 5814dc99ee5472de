"""Map-style data sets of (PIL image, label): photographs of many sizes, read one by one."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
from PIL import Image

from advkit.data.picture_rows import Manner, Row, read_rows
from advkit.data.pixels import to_labels
from advkit.data.samples import Samples
from advkit.errors import InputError
from advkit.models.user_code import told


def are_pictures(dataset: Any) -> bool:
    """Return whether the first item of a data set is a PIL image."""
    try:
        return len(dataset) > 0 and isinstance(dataset[0][0], Image.Image)
    except Exception:  # errors are reported when the item is read
        return False


def read_pictures(dataset: Any, limit: int | None, manner: Manner, name: str, stem: str) -> Samples:
    """Return the items of ``dataset`` as samples of one size.

    ``limit`` are taken at even distances, as sets are often sorted by class. Ids are ``stem``/i.
    Raises InputError for an item that is not (image, label).
    """
    n = len(dataset)
    kept = range(n) if limit is None or limit >= n else _evenly(n, limit)
    found = [_item(dataset, i, name)[1] for i in kept]
    labels = to_labels(np.asarray(found), len(kept), name).tolist()
    rows = [
        Row(f"{stem}/{i}", label, partial(_picture, dataset, i, name))
        for i, label in zip(kept, labels, strict=True)
    ]
    names = getattr(dataset, "classes", None)
    classes = list(map(str, names)) if isinstance(names, Sequence) else None
    return read_rows(rows, manner, name, classes)


def _evenly(n: int, limit: int) -> list[int]:
    return [int(i) for i in np.linspace(0, n - 1, limit).round()]


def _item(dataset: Any, i: int, name: str) -> tuple[Any, Any]:
    try:
        picture, label = dataset[i]
    except Exception as error:
        raise InputError(
            f"item {i} of {name} is not (picture, label): {told(error)}", "mend the data set"
        ) from error
    return picture, label


def _picture(dataset: Any, i: int, name: str) -> Image.Image:
    found = _item(dataset, i, name)[0]
    if not isinstance(found, Image.Image):
        raise InputError(f"item {i} of {name} is a {type(found).__name__}, not a picture of PIL")
    return found
