"""``imagefolder:DIR?size=224&crop=0.875&class_map=FILE``: photographs, one folder per class."""

from functools import partial
from pathlib import Path

from advkit.data.class_folders import Kind, list_classes
from advkit.data.class_map import in_order
from advkit.data.picture_rows import OPTIONS, Row, manner_of, read_rows
from advkit.data.samples import Samples
from advkit.spec_text import Spec, only

SUFFIXES = (".bmp", ".gif", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp")
PICTURE = Kind("picture", SUFFIXES, "cat/1.jpg")


def load_image_folder(spec: Spec, limit: int | None, shape: tuple[int, ...] | None) -> Samples:
    """Return the images below the class directories of ``spec.ref``, resized and cropped.

    Classes are the sorted directory names, or are numbered by the file ``class_map``. The order
    alternates between classes, so that the first ``limit`` images are evenly distributed. The
    shorter side is resized to size / crop, then the centre is cropped. Raises InputError,
    EmptyError, UsageError.
    """
    only(spec, (*OPTIONS, "class_map"))
    root, manner = Path(spec.ref), manner_of(spec, shape)
    found, classes, notes = list_classes(root, PICTURE, limit)
    numbers, names = in_order(classes, spec.query.get("class_map"), spec.ref)
    rows = [
        Row(path.relative_to(root).as_posix(), numbers[label], partial(Path, path))
        for path, label in found
    ]
    return read_rows(rows, manner, spec.text, names, notes)
