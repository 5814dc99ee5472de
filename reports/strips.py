"""Rows of images with captions: an image, and overlays of it."""

from collections.abc import Sequence
from typing import NamedTuple

from advkit.reports.gallery import Picture
from advkit.reports.images import Bytes, data_uri, fit, upscale

SCREEN = 144  # pixels: smaller images are enlarged by an integer factor


class Strip(NamedTuple):
    """A row of images with a name; the first is the image of which the others are overlays."""

    name: str
    sample: str
    caption: str
    pictures: Sequence[Picture]


def framed(levels: Bytes, head: str, text: str, detail: str, alt: str) -> Picture:
    """Return an 8-bit image with captions, small ones enlarged by an integer factor."""
    small = fit(levels)
    return sized(data_uri(small), small.shape[:2], head, text, detail, alt)


def sized(uri: str, size: tuple[int, ...], head: str, text: str, detail: str, alt: str) -> Picture:
    """Return an image that is a data URI already, of this size (height, width), with captions."""
    factor = upscale(size[0], size[1], SCREEN)
    return Picture(uri, size[1] * factor, size[0] * factor, factor > 1, alt, head, text, detail)
