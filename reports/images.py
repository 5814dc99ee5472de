"""Arrays as lossless PNG data URIs, and perturbations drawn about mid-grey."""

import base64
import io
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Floats = NDArray[np.floating[Any]]
Bytes = NDArray[np.uint8]

LARGEST = 224  # pixels: longer sides are reduced in the gallery
SMALL = 96  # pixels: smaller images are enlarged by an integer factor, three to a card
GAINS = (1, 2, 3, 4, 5, 6, 8, 10, 12, 16, 20, 24, 32, 40, 50, 64, 80, 100, 128, 160, 200, 255)
HALF = 0.5 + 1 / 255  # distance from mid-grey to the top of the 8-bit scale, to the nearest level


def to_bytes(image: Floats) -> Bytes:
    """Round an (H, W, C) image in [0, 1] to 8 bits: (H, W) grey or (H, W, 3) colour.

    Other numbers of channels than 1 or 3 are averaged to grey.
    """
    if image.shape[-1] not in (1, 3):
        image = image.mean(axis=-1, keepdims=True)
    levels = np.rint(np.clip(image, 0, 1) * 255).astype(np.uint8)
    return levels[..., 0] if levels.shape[-1] == 1 else levels


def fit(levels: Bytes, largest: int = LARGEST) -> Bytes:
    """Average an 8-bit image down until no side is longer than ``largest``; never up."""
    height, width = levels.shape[:2]
    longest = max(height, width)
    if longest <= largest:
        return levels
    size = (max(1, width * largest // longest), max(1, height * largest // longest))
    return np.asarray(Image.fromarray(levels).resize(size, Image.Resampling.BOX))


def data_uri(levels: Bytes) -> str:
    """Return an 8-bit image as a PNG data URI: lossless and deterministic."""
    buffer = io.BytesIO()
    Image.fromarray(levels).save(buffer, format="PNG")
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")


def gain_for(delta: Floats) -> float:
    """Return the largest round gain with which ``delta`` fits between black and white."""
    peak = float(np.abs(delta).max())
    return float(max((gain for gain in GAINS if gain * peak <= HALF), default=0.5))


def perturbation(delta: Floats, gain: float) -> Bytes:
    """Draw ``0.5 + gain * delta``: grey where unchanged, lighter or darker elsewhere."""
    return to_bytes(0.5 + gain * delta)


def upscale(height: int, width: int, room: int = SMALL) -> int:
    """Return the integer factor by which a small image is enlarged, to at most ``room`` pixels."""
    return max(1, room // max(height, width))
