"""``npz:FILE?x=x&y=y&layout=nchw``: arrays saved by numpy, without pickles."""

import io
import zipfile
import zlib
from collections.abc import Sequence
from math import prod
from pathlib import Path
from typing import IO, cast

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from advkit.data.lazy_rows import HELD, LazyRows
from advkit.data.pixels import layout_of, to_labels, to_unit
from advkit.data.samples import Samples
from advkit.errors import InputError, UnsafeError, UsageError, did_you_mean
from advkit.models.load_gate import read_gated
from advkit.spec_text import Spec, only

MAX_BYTES = 8 * 2**30
"""Size limit of one array by its header; a small file can claim any size."""
LAYOUTS = ("nchw", "nhwc", "as_is")
LIKELY = (
    ("x", "x_test", "X", "X_test", "images", "test_images", "data", "arr_0"),
    ("y", "y_test", "Y", "Y_test", "labels", "test_labels", "targets", "arr_1"),
)
"""Common names of images and labels in such files."""


def load_npz(spec: Spec) -> Samples:
    """Return the images ``x`` and labels ``y`` of a file written by `numpy.savez`.

    Images are NHW, NHWC, NCHW or flat (n, features), uint8 0..255 or float in [0, 1]; with
    ``layout=as_is`` samples of any shape, such as signals (n, channels, time) and volumes. Optional
    arrays of text: ``classes`` names the classes, ``ids`` the images. From files of `advkit
    attack`, which have no ``x``, the examples ``x_adv`` are taken. Raises InputError and
    UnsafeError.
    """
    only(spec, ("x", "y", "layout"))
    data = read_gated(spec.ref)
    if not data.startswith(b"PK"):
        raise InputError(
            f"{spec.ref} is not an npz file",
            "write it by np.savez(file, x=images, y=labels)",
            code="E302",
        )
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        key_x, key_y = spec.query.get("x", _usual(archive)), spec.query.get("y", "y")
        raw, raw_y = (_array(archive, key, spec.ref) for key in (key_x, key_y))
        names = _class_names(archive, spec.ref)
        ids = _ids(archive, spec.ref)
    x, note = _channels_first(raw, spec)
    return Samples(
        _rows(x, spec.ref),
        _labels(raw_y, len(x), names, spec.ref),
        ids if len(ids) == len(x) else tuple(f"{Path(spec.ref).stem}/{i}" for i in range(len(x))),
        names,
        spec.text,
        note,
    )


def arrays_of(
    path: str, keys: Sequence[str], optional: Sequence[str] = ()
) -> dict[str, NDArray[np.generic]]:
    """Return the arrays ``keys`` of an npz file, and those of ``optional`` that exist.

    Raises InputError and UnsafeError.
    """
    data = read_gated(path)
    if not data.startswith(b"PK"):
        raise InputError(
            f"{path} is not an npz file", "write it by np.savez(file, ...)", code="E302"
        )
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        there = [key for key in optional if f"{key}.npy" in archive.namelist()]
        return {key: _array(archive, key, path) for key in (*keys, *there)}


def _naming(name: str, known: Sequence[str]) -> str:
    """Return a hint to the options with which arrays of other names are read."""
    x, y = (next((each for each in likely if each in known), "NAME") for likely in LIKELY)
    return f"name the arrays: --data 'npz:{name}?x={x}&y={y}'"


def _array(archive: zipfile.ZipFile, key: str, name: str) -> NDArray[np.generic]:
    known = [member.removesuffix(".npy") for member in archive.namelist()]
    if key not in known:
        raise InputError(
            f"{name} has no array {key!r}, but {', '.join(known)}",
            _naming(name, known) if key in ("x", "y") else did_you_mean(key, known),
            code="E302",
        )
    try:
        # Header first: a small file can claim any size, and an object array is a pickle.
        with archive.open(f"{key}.npy") as member:
            _check_header(member, key, name)
        with archive.open(f"{key}.npy") as member:
            return np.lib.format.read_array(member, allow_pickle=False)
    except (zipfile.BadZipFile, zlib.error, ValueError, EOFError, OSError) as error:
        raise InputError(
            f"the array {key!r} in {name} is corrupt: {error}",
            "write the file again",
            code="E302",
        ) from error


def _check_header(member: IO[bytes], key: str, name: str) -> None:
    modern = np.lib.format.read_magic(member) != (1, 0)
    read = np.lib.format.read_array_header_2_0 if modern else np.lib.format.read_array_header_1_0
    shape, _, dtype = read(member)
    if dtype.hasobject:
        raise UnsafeError(
            f"the array {key!r} in {name} is an object array, which can run code; "
            "it was not opened",
            "save one array of numbers: np.savez(file, x=np.stack(images), y=labels)",
        )
    size = prod(shape) * dtype.itemsize
    if size > MAX_BYTES:
        raise InputError(
            f"the array {key!r} in {name} says that it needs {size:,} bytes; "
            f"at most {MAX_BYTES:,} are read",
            "split the file",
            code="E302",
        )


def _rows(x: NDArray[np.generic], name: str) -> Tensor:
    """Return the images in [0, 1]; large arrays are converted to floating point on demand."""
    if x.dtype == np.uint8 and x.size * 4 > HELD:
        return cast(Tensor, LazyRows(x.shape, lambda i: to_unit(x[i], name)))
    return to_unit(x, name)


def _class_names(archive: zipfile.ZipFile, name: str) -> tuple[str, ...] | None:
    if "classes.npy" not in archive.namelist():
        return None
    names = _array(archive, "classes", name)
    if names.ndim != 1 or names.dtype.kind != "U":
        raise InputError(
            f"the array 'classes' in {name} is {names.dtype} of shape {names.shape}",
            "save one text per class: classes=np.array(['cat', 'dog'])",
            code="E307",
        )
    return tuple(str(each) for each in names)


def _usual(archive: zipfile.ZipFile) -> str:
    there = set(archive.namelist())
    return "x_adv" if "x_adv.npy" in there and "x.npy" not in there else "x"


def _ids(archive: zipfile.ZipFile, name: str) -> tuple[str, ...]:
    """Return the array ``ids`` if it exists and holds unique texts."""
    if "ids.npy" not in archive.namelist():
        return ()
    found = _array(archive, "ids", name)
    texts = tuple(map(str, found.flat)) if found.dtype.kind == "U" else ()
    return texts if len(set(texts)) == len(texts) else ()


def _labels(y: NDArray[np.generic], n: int, names: tuple[str, ...] | None, file: str) -> Tensor:
    labels = to_labels(y, n, file)
    if names and len(labels) and int(labels.max()) >= len(names):
        raise InputError(
            f"{file} has the label {int(labels.max())}, but names only {len(names)} classes",
            "number the classes from 0, and name each",
            code="E307",
        )
    return labels


def _channels_first(
    x: NDArray[np.generic], spec: Spec
) -> tuple[NDArray[np.generic], tuple[str, ...]]:
    """Return ``x`` as (n, channels, height, width) or (n, features), and a note if converted."""
    layout = spec.query.get("layout")
    if layout not in (None, *LAYOUTS):
        raise UsageError(
            f"{spec.text!r} has no layout {layout!r}", " or ".join(LAYOUTS), code="E206"
        )
    if layout == "as_is" and x.ndim > 1:
        return x, (f"the samples were taken as they lie, shape {x.shape}",)
    if x.ndim == 2:
        return x, (f"the images are flat: {x.shape[1]} numbers each",)
    if x.ndim == 3:
        return x[:, None], ("the images were taken as (n, height, width), one channel",)
    if x.ndim != 4:
        raise InputError(
            f"the images in {spec.ref} have shape {x.shape}",
            "save (n, height, width), (n, channels, height, width) or (n, height, width, "
            "channels); anything else, such as volumes, is used unchanged with ?layout=as_is",
        )
    layout = layout or layout_of(x.shape)
    order = "channels first" if layout == "nchw" else "channels last"
    note = (f"the images were taken as {layout} ({order}), shape {x.shape}",)
    return (x if layout == "nchw" else np.moveaxis(x, 3, 1)), note
