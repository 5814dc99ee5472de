"""``package.module:callable`` and ``./file.py:callable``: the user's own data."""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Any

import numpy as np
from PIL import Image

from advkit.data.checked_samples import array, checked
from advkit.data.picture_rows import manner_of
from advkit.data.picture_sets import are_pictures, read_pictures
from advkit.data.pixels import channels_first, to_labels, to_unit
from advkit.data.samples import Samples
from advkit.data.stratified import share_of
from advkit.errors import AdvkitError, InputError, did_you_mean
from advkit.models.user_code import importable, imported, seeded_weights, told
from advkit.spec_text import Spec, literal

LOOKED_AT = 16
_MODULE = re.compile(r"[A-Za-z_][\w.]*")
GIVES = (
    "return a data set of (image, label) pairs with a length, two arrays (x, y), or advkit Samples"
)


def is_users(spec: Spec) -> bool:
    """Return whether ``spec`` names a Python file, or an existing module."""
    if spec.scheme.endswith(".py"):
        return True
    top = spec.scheme.partition(".")[0]
    return bool(_MODULE.fullmatch(spec.scheme)) and find_spec(top) is not None


def load_users(spec: Spec, limit: int | None, shape: tuple[int, ...] | None) -> Samples:
    """Return the data that the callable returns: a map-style data set, two arrays, or `Samples`.

    Options after ``?`` are its arguments. Images are (channels, height, width) tensors or arrays,
    in [0, 1] or uint8, all of one size; or PIL images, which are resized to the model's size if it
    differs. Raises InputError.
    """
    return samples_in(_called(spec), spec, limit, shape)


def samples_in(found: Any, spec: Spec, limit: int | None, shape: tuple[int, ...] | None) -> Samples:
    """Return ``found`` as samples; ``spec`` says where it is from. Raises InputError."""
    if isinstance(found, tuple) and len(found) == 2 and isinstance(found[0], list):
        found = _paired(*found, spec)
    if _of_many_sizes(found, shape):
        manner = manner_of(spec._replace(query={}), shape)
        with _repeatable():
            return read_pictures(found, limit, manner, spec.text, spec.ref)
    samples = checked(found) if isinstance(found, Samples) else _samples(found, spec)
    return share_of(samples, limit)


def _paired(images: Sequence[Any], labels: Sequence[Any], spec: Spec) -> list[tuple[Any, Any]]:
    if len(images) != len(labels):
        raise InputError(f"{spec.text} has {len(images)} images, but {len(labels)} labels",
                         "one label per image", code="E307")  # fmt: skip
    return list(zip(images, labels, strict=True))


def _of_many_sizes(found: Any, shape: tuple[int, ...] | None) -> bool:
    """Return whether ``found`` has images that must be resized, to ``shape`` if given.

    Without ``shape``, only if the first few images have several sizes.
    """
    if isinstance(found, Samples) or not are_pictures(found):
        return False
    some = [found[i][0] for i in range(min(len(found), LOOKED_AT))]
    sizes = {each.size[::-1] for each in some if isinstance(each, Image.Image)}
    return len(sizes) > 1 or (shape is not None and len(shape) == 3 and sizes != {shape[1:]})


def _called(spec: Spec) -> Any:
    options = {key: literal(value) for key, value in spec.query.items()}
    where = f"{spec.scheme}:{spec.ref}"
    try:
        with _repeatable():
            with importable(spec.scheme):
                module = imported(spec.scheme)
            make = getattr(module, spec.ref, None)
            if make is None:
                public = [key for key, value in vars(module).items() if callable(value)]
                raise InputError(f"{where}: there is no {spec.ref!r} in it",
                                 did_you_mean(spec.ref, public))  # fmt: skip
            return make(**options) if callable(make) else make
    except AdvkitError:
        raise
    except (Exception, SystemExit) as error:
        raise InputError(f"{where} raised {told(error)}") from error


@contextmanager
def _repeatable() -> Iterator[None]:
    """Seed the global generators of NumPy and torch for the block; restore both."""
    before = np.random.get_state()
    np.random.seed(0)
    try:
        with seeded_weights():
            yield
    finally:
        np.random.set_state(before)


def _samples(found: Any, spec: Spec) -> Samples:
    name = f"{spec.scheme}:{spec.ref}" if spec.scheme else spec.text
    classes = getattr(found, "classes", None)
    if isinstance(found, tuple) and len(found) == 2:
        x, y = (array(each) for each in found)
    elif hasattr(found, "__len__") and hasattr(found, "__getitem__"):
        x, y = _stacked(found, name)
    else:
        raise InputError(f"{name} gave a {type(found).__name__}", GIVES)
    x, notes = channels_first(x)
    pixels = to_unit(x, name)
    return Samples(
        pixels, to_labels(y, len(pixels), name), tuple(f"{spec.ref}/{i}" for i in range(len(x))),
        tuple(map(str, classes)) if classes else None, spec.text, notes,
    )  # fmt: skip


def _stacked(found: Any, name: str) -> tuple[Any, Any]:
    with _items_of(name), _repeatable():
        pairs = [found[i] for i in range(len(found))]
    odd = [type(pair).__name__ for pair in pairs if not _is_pair(pair)]
    if odd:
        raise InputError(f"{name} has items of type {odd[0]}, not (image, label) pairs", GIVES)
    with _items_of(name):
        images, labels = [_array(pair[0]) for pair in pairs], [pair[1] for pair in pairs]
    sizes = {image.shape for image in images}
    if len(sizes) > 1:
        raise InputError(f"the images of {name} have several sizes: {_some(sizes)}",
                         "resize them to one in the data set")  # fmt: skip
    return np.stack(images) if images else np.zeros((0, 1)), np.asarray(labels, dtype=None)


@contextmanager
def _items_of(name: str) -> Iterator[None]:
    try:
        yield
    except Exception as error:
        raise InputError(f"{name}: an item raised {told(error)}", GIVES) from error


def _is_pair(item: Any) -> bool:
    """Return whether ``item`` may be an image with its label, and is no table, row or array."""
    return not (isinstance(item, str | Mapping) or hasattr(item, "__array__"))


def _array(image: Any) -> Any:
    if isinstance(image, Image.Image):
        picture = image.convert("L" if image.mode in ("1", "L") else "RGB")
        pixels = np.asarray(picture)
        return pixels[None] if pixels.ndim == 2 else np.moveaxis(pixels, 2, 0)
    return array(image)


def _some(sizes: Sequence[tuple[int, ...]] | set[tuple[int, ...]]) -> str:
    return ", ".join(" x ".join(map(str, size)) for size in sorted(sizes)[:3])
