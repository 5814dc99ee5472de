"""Read one image file of any mode, orientation and size as pixels of one format."""

import warnings
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from advkit.errors import InputError

Picture = Path | bytes | Image.Image
"""A path, the content of a file, or an image opened by Pillow."""
CROP = 0.875
"""The share of the shorter side that is kept."""


def read_photograph(
    path: Picture, size: tuple[int, int], crop: float | None, mode: str, name: str = ""
) -> tuple[NDArray[np.uint8], list[str]]:
    """Return pixels (height, width, channels) uint8, and notes on conversions.

    ``path`` is a path, the content of a file, or an open image, called ``name``. The shorter side
    is resized to ``size`` / ``crop``, then the centre of ``size`` is cropped. The default of
    ``crop`` is `CROP`, but an image of exactly this size is unchanged. Raises InputError for a file
    that is corrupt, or so large that it may be a decompression bomb.
    """
    picture, changes = open_picture(path, mode, name)
    if picture.size[::-1] != size or crop not in (None, 1):
        changes += _scaling(picture, size)
        picture = _centre(picture, size, CROP if crop is None else crop)
    return np.asarray(picture).reshape(*size, -1), changes


def open_picture(path: Picture, mode: str, name: str = "") -> tuple[Image.Image, list[str]]:
    """Return the image upright, opaque and with 8 bits, and notes on conversions.

    Raises InputError as `read_photograph`.
    """
    name = name or str(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            warnings.simplefilter("ignore", UserWarning)
            with _opened(path) as opened:
                opened.load()
                changes = _oddities(opened, mode)
                return _flat(ImageOps.exif_transpose(opened)).convert(mode), changes
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise InputError(
            f"{name} is too large to be opened: {error}",
            f"shrink it below {Image.MAX_IMAGE_PIXELS:,} pixels, or leave it out",
            code="E309",
        ) from error
    except Exception as error:
        raise InputError(
            f"{name} is not a readable picture: {error}",
            "replace it, or leave it out",
            code="E309",
        ) from error


def size_of(path: Picture) -> tuple[int, int] | None:
    """Return (height, width) from the header of the file; None if it cannot be read."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with _opened(path) as opened:
                turned = opened.getexif().get(0x0112, 1) >= 5
                return opened.size if turned else opened.size[::-1]
    except Exception:  # for damaged files Pillow raises any exception
        return None


def _opened(path: Picture) -> Image.Image:
    if isinstance(path, Image.Image):
        return path.copy()  # the owner may need it open
    return Image.open(BytesIO(path) if isinstance(path, bytes) else path)


def _oddities(picture: Image.Image, mode: str) -> list[str]:
    changes = []
    if picture.getexif().get(0x0112, 1) != 1:
        changes.append("turned upright as their EXIF data says")
    if getattr(picture, "n_frames", 1) > 1:
        changes.append("animated, the first frame was used")
    if picture.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in picture.info:
        changes.append("transparent, placed on white")
    if picture.mode.startswith(("I", "F")):
        changes.append("reduced from 16 bits to 8")
    if picture.mode in ("P", "PA", "CMYK", "YCbCr", "LAB", "HSV"):
        changes.append(f"converted from {picture.mode}")
    if mode == "L" and picture.mode in ("RGB", "RGBA"):
        changes.append(f"converted from {picture.mode} to grey")
    return changes


def _flat(picture: Image.Image) -> Image.Image:
    """Return ``picture`` with 8 bits per channel and without transparency."""
    if picture.mode.startswith("I"):
        deep = np.asarray(picture).astype(np.float64)
        return Image.fromarray((deep / 65535 * 255).round().clip(0, 255).astype(np.uint8))
    if picture.mode == "F":
        raise ValueError("its pixels are floating-point numbers")
    if picture.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in picture.info:
        layer = picture.convert("RGBA")
        white = Image.new("RGBA", layer.size, (255, 255, 255, 255))
        return Image.alpha_composite(white, layer).convert("RGB")
    return picture.convert("RGB") if picture.mode not in ("L", "RGB") else picture


def _scaling(picture: Image.Image, size: tuple[int, int]) -> list[str]:
    height, width = size
    if picture.height < height or picture.width < width:
        return [f"smaller than {height} x {width}: enlarged, and the middle cut out"]
    return [f"scaled, and the middle {height} x {width} cut out"]


def _centre(picture: Image.Image, size: tuple[int, int], crop: float) -> Image.Image:
    height, width = size
    scale = max(height / picture.height, width / picture.width) / crop
    scaled = (max(round(picture.width * scale), width), max(round(picture.height * scale), height))
    picture = picture.resize(scaled, Image.Resampling.BILINEAR)
    left, top = (scaled[0] - width) // 2, (scaled[1] - height) // 2
    return picture.crop((left, top, left + width, top + height))
