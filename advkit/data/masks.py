"""Ground-truth masks of the objects in images: an npz file with ``masks``."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from advkit.data.npz_file import arrays_of
from advkit.data.samples import Samples
from advkit.errors import InputError


def read_masks(path: str, samples: Samples) -> NDArray[np.bool_]:
    """Return masks (n, height, width) for ``samples``, by ``ids`` in the file or else in order.

    Pickles are not opened. Raises InputError for a file that does not fit.
    """
    found = arrays_of(path, ("masks",), optional=("ids",))
    masks, size = found["masks"], tuple(samples.x.shape[2:])
    if masks.ndim != 3 or masks.shape[1:] != size or masks.dtype.kind not in "biu":
        raise InputError(
            f"the masks in {Path(path).name} are {masks.dtype} of shape {masks.shape}",
            f"give booleans of shape (n, {size[0]}, {size[1]}), the size of the images",
            code="E307",
        )
    names = [str(name) for name in found["ids"]] if "ids" in found else list(samples.ids)
    place = {name: i for i, name in enumerate(names[: len(masks)])}
    missing = [name for name in samples.ids if name not in place]
    if missing:
        raise InputError(
            f"{Path(path).name} has no mask for {len(missing)} images, the first {missing[0]}",
            "give one for every image, with ids where the order differs",
            code="E307",
        )
    return np.asarray(masks[[place[name] for name in samples.ids]] != 0)
