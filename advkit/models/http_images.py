"""Images in the JSON of a prediction service: numbers, bytes, or PNG files."""

import base64
import io
from typing import Any

import numpy as np
from numpy.typing import NDArray

from advkit.models.endpoint_spec import Endpoint


def encoded(x: NDArray[np.float32], asked: Endpoint) -> list[Any]:
    """Return images (n, c, h, w) in [0, 1] as JSON values."""
    images = x.astype(float) if asked.encoding == "float" else in_8_bits(x)
    if asked.encoding == "png":
        return [_png(image) for image in images]
    turned = x.ndim == 4 and asked.layout == "hwc"
    return (np.moveaxis(images, 1, -1) if turned else images).tolist()  # type: ignore[no-any-return]


def in_8_bits(x: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Return numbers in [0, 1] rounded to 8 bits."""
    return (x * 255).round().clip(0, 255).astype(np.uint8)


def _png(image: NDArray[np.uint8]) -> str:
    from PIL import Image

    stream = io.BytesIO()
    pixels = image[0] if image.shape[0] == 1 else np.moveaxis(image, 0, -1)
    Image.fromarray(np.ascontiguousarray(pixels)).save(stream, "PNG")
    return base64.b64encode(stream.getvalue()).decode()
