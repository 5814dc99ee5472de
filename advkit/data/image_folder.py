"""``imagefolder:DIR?size=224&crop=0.875``: photographs, one directory per class."""

from collections import Counter
from pathlib import Path

import numpy as np
import torch

from advkit.data.class_folders import Kind, list_classes
from advkit.data.photographs import read_photograph
from advkit.data.samples import Samples
from advkit.errors import UsageError
from advkit.spec_text import Spec, numbers, only, whole

SUFFIXES = (".bmp", ".gif", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp")
PICTURE = Kind("picture", SUFFIXES, "cat/1.jpg")
DEFAULT_SIZE = 224


def load_image_folder(spec: Spec, limit: int | None, shape: tuple[int, ...] | None) -> Samples:
    """Return the pictures below the class directories of ``spec.ref``, resized and cropped.

    Classes are the sorted directory names. The order goes round the classes, so that the first
    ``limit`` pictures are spread evenly. The short side is brought to size / crop, then the
    centre is cut out. Raises InputError, EmptyError, UsageError.
    """
    only(spec, ("size", "crop"))
    root = Path(spec.ref)
    size, channels = _size(spec, shape), (shape[0] if shape and len(shape) == 3 else 3)
    share = (numbers(spec, "crop") or [0.875])[0]
    if not 0 < share <= 1:
        raise UsageError(f"crop={share:g} in {spec.text!r} is not possible", "above 0, at most 1")
    found, classes, notes = list_classes(root, PICTURE, limit)
    pixels, done = [], Counter[str]()
    for path, _ in found:
        array, changes = read_photograph(path, size, share, "L" if channels == 1 else "RGB")
        pixels.append(array)
        done.update(changes)
    x = torch.from_numpy(np.stack(pixels)).permute(0, 3, 1, 2).contiguous().float() / 255
    return Samples(
        x,
        torch.tensor([label for _, label in found]),
        tuple(path.relative_to(root).as_posix() for path, _ in found),
        classes,
        spec.text,
        (
            *notes,
            *(f"{count} of {len(found)} images: {what}" for what, count in sorted(done.items())),
        ),
    )


def _size(spec: Spec, shape: tuple[int, ...] | None) -> tuple[int, int]:
    if "size" in spec.query:
        side = whole(spec, "size", DEFAULT_SIZE)
        if side < 1:
            raise UsageError(f"size={side} in {spec.text!r} is not possible", "from 1 up")
        return side, side
    if shape and len(shape) == 3:
        return shape[1], shape[2]
    return DEFAULT_SIZE, DEFAULT_SIZE
