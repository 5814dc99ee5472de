"""Arrays on disk: npz and npy files, each replaced atomically."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import BinaryIO, NamedTuple
from zipfile import ZIP_DEFLATED, BadZipFile, ZipFile

import numpy as np

from advkit.errors import InputError
from advkit.evaluate.run_folder import replaced, write_bytes


@contextmanager
def arrays(file: Path) -> Iterator[Mapping[str, np.ndarray]]:
    """Yield the arrays of an npz file by name; raises InputError if the file is damaged."""
    try:
        # Opened here: numpy does not close a file that turns out to be damaged.
        with file.open("rb") as raw, np.load(raw, allow_pickle=False) as saved:
            yield saved
    except (OSError, EOFError, ValueError, KeyError, BadZipFile) as error:
        raise InputError(f"{file} is missing or damaged", code="E313") from error


def write_arrays(file: Path, **arrays: np.ndarray) -> Path:
    """Replace an npz file; the content is on disk before the file is renamed."""
    return replaced(file, lambda out: np.savez_compressed(out, **arrays))  # type: ignore[arg-type]


class LongArray(NamedTuple):
    """A float32 array of ``shape``, given in ``parts`` of some rows each."""

    shape: tuple[int, ...]
    parts: Iterable[np.ndarray]


def write_long(file: Path, *, x_adv: LongArray, **arrays: np.ndarray) -> Path:
    """Replace an npz file as `write_arrays` does; holds one part of ``x_adv`` at a time."""
    head = {"descr": "<f4", "fortran_order": False, "shape": x_adv.shape}

    def write(out: BinaryIO) -> None:
        with ZipFile(out, "w", ZIP_DEFLATED) as archive:
            with archive.open("x_adv.npy", "w", force_zip64=True) as entry:
                np.lib.format.write_array_header_1_0(entry, head)
                for part in x_adv.parts:
                    entry.write(part.astype("<f4").tobytes())
            for name, array in arrays.items():
                with archive.open(f"{name}.npy", "w") as entry:
                    np.lib.format.write_array(entry, array, allow_pickle=False)

    return replaced(file, write)


def write_array(file: Path, array: np.ndarray) -> Path:
    """Replace an npy file, as `write_arrays` does."""
    content = BytesIO()  # to a file numpy writes by itself, and does not say that the disk is full
    np.save(content, array)
    return write_bytes(file, content.getbuffer())
