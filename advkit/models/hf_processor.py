"""The preprocessing that an image processor of transformers describes, for pixels in [0, 1]."""

from collections.abc import Sequence
from typing import Any

BYTE = 255


def normalisation(said: dict[str, Any]) -> tuple[Sequence[float] | None, Sequence[float] | None]:
    """Return mean and std for pixels in [0, 1] that do what the processor ``said``.

    It multiplies pixels up to 255 by ``rescale_factor``, usually 1 / 255, then normalises.
    """
    if not said:
        return None, None
    factor = float(said.get("rescale_factor") or 1 / BYTE) if said.get("do_rescale", True) else 1.0
    scale, offset = round(BYTE * factor, 9), float(bool(said.get("rescale_offset")))
    normalised = bool(said.get("do_normalize", True))
    mean, std = (said.get(key) if normalised else None for key in ("image_mean", "image_std"))
    if scale == 1 and not offset:
        return mean, std
    return ([(each + offset) / scale for each in mean or [0.0]],
            [each / scale for each in std or [1.0]])  # fmt: skip


def input_shape(config: dict[str, Any], said: dict[str, Any]) -> tuple[int, ...] | None:
    """Return the images' (channels, height, width), None if neither declares them."""
    size = said.get("crop_size") if said.get("do_center_crop") else said.get("size")
    size = size or config.get("image_size")
    if isinstance(size, dict):
        size = [size.get("height", size.get("shortest_edge")), size.get("width", 0)]
        size = [size[0], size[1] or size[0]]
    if isinstance(size, int):
        size = [size, size]
    if not size or None in size:
        return None
    return int(config.get("num_channels", 3)), int(size[0]), int(size[1])
