"""Rows of pictures with words: an image, and what is laid over it."""

from collections.abc import Sequence
from typing import NamedTuple

from advkit.reports.gallery import Picture
from advkit.reports.images import Bytes, data_uri, fit, upscale

SCREEN = 144  # pixels: up to here small pictures are enlarged by a whole factor


class Strip(NamedTuple):
    """A row of pictures with a name; the first is the image that the others are laid over."""

    name: str
    sample: str
    caption: str
    pictures: Sequence[Picture]


def framed(levels: Bytes, head: str, text: str, detail: str, alt: str) -> Picture:
    """Return an 8-bit picture with words, small ones enlarged by a whole factor."""
    small = fit(levels)
    return sized(data_uri(small), small.shape[:2], head, text, detail, alt)


def sized(uri: str, size: tuple[int, ...], head: str, text: str, detail: str, alt: str) -> Picture:
    """Return a picture that is a data URI already, of this size (height, width), with words."""
    factor = upscale(size[0], size[1], SCREEN)
    return Picture(uri, size[1] * factor, size[0] * factor, factor > 1, alt, head, text, detail)
