"""``imagefolder:DIR?size=224&crop=0.875``: photographs, one directory per class."""

from collections import Counter
from itertools import chain, zip_longest
from pathlib import Path

import numpy as np
import torch

from advkit.data.photographs import read_photograph
from advkit.data.samples import Samples
from advkit.errors import EmptyError, InputError, UsageError
from advkit.models.load_gate import missing
from advkit.spec_text import Spec, numbers, only, whole

SUFFIXES = (".bmp", ".gif", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp")
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
    folders, notes = _class_folders(root)
    found = list(_interleaved([_pictures(folder) for folder in folders]))[:limit]
    if not found:
        raise EmptyError(
            f"{root} has {len(folders)} class directories, but no picture in them",
            f"known suffixes: {', '.join(SUFFIXES)}",
        )
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
        tuple(folder.name for folder in folders),
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


def _class_folders(root: Path) -> tuple[list[Path], tuple[str, ...]]:
    if not root.exists():
        raise missing(root)
    if not root.is_dir():
        raise InputError(f"{root} is not a directory", "one directory with one directory per class")
    entries = [path for path in root.iterdir() if not path.name.startswith(".")]
    links = sum(path.is_symlink() for path in entries)
    folders = sorted(
        (path for path in entries if path.is_dir() and not path.is_symlink()),
        key=lambda path: path.name,
    )
    if not folders and any(path.suffix.lower() in SUFFIXES for path in entries):
        raise InputError(
            f"{root} has pictures, but no class directories",
            f"put the pictures of each class into a directory of its own: {root / 'cat' / '1.jpg'}",
        )
    if not folders:
        raise EmptyError(
            f"{root} has no class directories", "one directory per class, with pictures"
        )
    return folders, (f"{links} symbolic links were not followed",) * bool(links)


def _pictures(folder: Path) -> list[Path]:
    found = [
        path
        for path in folder.rglob("*")
        if path.suffix.lower() in SUFFIXES and path.is_file() and not path.is_symlink()
    ]
    return sorted(found, key=lambda path: path.relative_to(folder).as_posix())


def _interleaved(classes: list[list[Path]]) -> list[tuple[Path, int]]:
    labelled = [[(path, label) for path in paths] for label, paths in enumerate(classes)]
    return [item for item in chain.from_iterable(zip_longest(*labelled)) if item is not None]
