"""Conversion of image arrays and labels to float32 in [0, 1] and int64, with checks."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from advkit.errors import InputError, UnsafeError

SLACK = 1e-6
"""How far outside [0, 1] a value may be by rounding."""
CLOSE = 0.2
"""How far outside [0, 1] a value may be by interpolation."""


def to_unit(x: NDArray[np.generic], name: str) -> Tensor:
    """Return ``x`` as float32 in [0, 1]: uint8 is divided by 255, floats must be in [0, 1].

    Raises InputError with the measured range for other values.
    """
    if x.dtype.hasobject:
        raise UnsafeError(
            f"the images in {name} are an object array, which can run code; it was not opened",
            "save one array of numbers: np.savez(file, x=np.stack(images), y=labels)",
        )
    if x.dtype == np.uint8:
        return torch.from_numpy(np.ascontiguousarray(x)).float() / 255
    if x.dtype.kind != "f":
        raise InputError(
            f"the images in {name} are {x.dtype}",
            "save uint8 from 0 to 255, or floats in [0, 1]",
            code="E308",
        )
    pixels = np.ascontiguousarray(x)
    if not np.isfinite(pixels).all():
        first = int(np.argwhere(~np.isfinite(pixels))[0][0])
        raise InputError(
            f"the images in {name} hold NaN or infinity, first in sample {first}",
            "leave such samples out",
            code="E308",
        )
    if pixels.size and (pixels.min() < -SLACK or pixels.max() > 1 + SLACK):
        raise InputError(
            f"the images in {name} range from {pixels.min():.4g} to {pixels.max():.4g}, "
            "not from 0 to 1",
            _range_hint(float(pixels.min()), float(pixels.max())),
            code="E308",
        )
    return torch.from_numpy(pixels.astype(np.float32)).clamp(0, 1)


def _range_hint(low: float, high: float) -> str:
    if low >= -CLOSE and high <= 1 + CLOSE:
        return "they go a little beyond, as interpolation does: save x.clip(0, 1)"
    if low >= -SLACK and high <= 255:
        return "they look like 0..255: save them as uint8, or divide by 255"
    if low >= -1 - SLACK and high <= 1 + SLACK:
        return "they look like -1..1: save (x + 1) / 2, and give the model ?mean=0.5&std=0.5"
    return (
        "they look normalised: save the images as they were before, and give the model its "
        "?mean=...&std=..."
    )


def layout_of(shape: tuple[int, ...]) -> str:
    """Return nhwc if a shape (n, a, b, c) clearly has channels last, otherwise nchw."""
    return "nhwc" if shape[3] <= 4 < shape[1] else "nchw"


def channels_first(x: NDArray[np.generic]) -> tuple[NDArray[np.generic], tuple[str, ...]]:
    """Return images with the channels before height and width, and a note if they were moved."""
    if x.ndim != 4 or layout_of(x.shape) == "nchw":
        return x, ()
    return np.moveaxis(x, 3, 1), (f"the images were taken as channels last, shape {x.shape}",)


def to_labels(y: NDArray[np.generic], n: int, name: str) -> Tensor:
    """Return ``y`` as int64 (n,); raises InputError for anything but integers from 0 up."""
    if y.dtype.hasobject:
        raise UnsafeError(
            f"the labels in {name} are an object array, which can run code; it was not opened",
            "save them as whole numbers: np.asarray(labels, dtype=np.int64)",
        )
    if y.ndim != 1:
        raise InputError(
            f"the labels in {name} have shape {y.shape}, not (n,)",
            _shape_hint(y),
            code="E307",
        )
    if y.dtype.kind not in "iu":
        raise InputError(
            f"the labels in {name} are {_kind(y)}, not whole numbers", _label_hint(y), code="E307"
        )
    if len(y) != n:
        raise InputError(
            f"{name} has {n} images, but {len(y)} labels", "save one label per image", code="E307"
        )
    negative = np.flatnonzero(y.astype(np.int64) < 0)
    if len(negative):
        some = ", ".join(f"{i} ({y[i]})" for i in negative[:5])
        raise InputError(
            f"{len(negative)} labels in {name} are below 0, first of samples {some}",
            "leave the samples without a class out; number the classes from 0",
            code="E307",
        )
    return torch.from_numpy(y.astype(np.int64))


def _shape_hint(y: NDArray[np.generic]) -> str:
    if y.ndim == 2 and y.shape[1] > 1 and y.dtype.kind in "biuf" and (y.sum(1) > 1).any():
        return "one class per sample can be audited, not several at once"
    return "for one-hot labels save y.argmax(1); for a column save y.ravel()"


def _kind(y: NDArray[np.generic]) -> str:
    return "text" if y.dtype.kind in "US" else str(y.dtype)


def _label_hint(y: NDArray[np.generic]) -> str:
    if y.dtype.kind in "US":
        return "save the index of each class: names, y = np.unique(labels, return_inverse=True)"
    return "save y.astype(np.int64), numbered from 0"
