"""Files in one directory per class, in a fixed order that alternates between classes."""

from collections.abc import Sequence
from itertools import chain, zip_longest
from pathlib import Path
from typing import NamedTuple

from advkit.errors import EmptyError, InputError
from advkit.models.load_gate import missing


class Kind(NamedTuple):
    """A kind of file: ``picture``, file suffixes, and an example."""

    noun: str
    suffixes: tuple[str, ...]
    example: str


class Listing(NamedTuple):
    """Files with their labels, in alternating classes; class names; notes for the reader."""

    files: list[tuple[Path, int]]
    classes: tuple[str, ...]
    notes: tuple[str, ...]


def list_classes(root: Path, kind: Kind, limit: int | None) -> Listing:
    """Return the files of ``kind`` below the class directories of ``root``, at most ``limit``.

    Classes are the sorted directory names. The order alternates between classes, so that the first
    ``limit`` files are evenly distributed. Raises InputError, EmptyError.
    """
    folders, notes = _class_folders(root, kind)
    found = list(_interleaved([files_of(folder, kind) for folder in folders]))[:limit]
    if not found:
        raise EmptyError(
            f"{root} has {len(folders)} class directories, but no {kind.noun} in them",
            f"known suffixes: {', '.join(kind.suffixes)}",
        )
    return Listing(found, tuple(folder.name for folder in folders), notes)


def check_directory(root: Path) -> None:
    """Raise InputError if ``root`` is no directory."""
    if not root.exists():
        raise missing(root)
    if not root.is_dir():
        raise InputError(
            f"{root} is not a directory", "one directory with one directory per class", code="E301"
        )


def _class_folders(root: Path, kind: Kind) -> tuple[list[Path], tuple[str, ...]]:
    check_directory(root)
    entries = [path for path in root.iterdir() if not path.name.startswith(".")]
    links = sum(path.is_symlink() for path in entries)
    folders = sorted(
        (path for path in entries if path.is_dir() and not path.is_symlink()),
        key=lambda path: path.name,
    )
    if not folders and any(path.suffix.lower() in kind.suffixes for path in entries):
        raise InputError(
            f"{root} has {kind.noun}s, but no class directories",
            f"put the {kind.noun}s of each class into a directory of its own: "
            f"{root / kind.example}",
        )
    if not folders:
        raise EmptyError(
            f"{root} has no class directories", f"one directory per class, with {kind.noun}s"
        )
    return folders, (f"{links} symbolic links were not followed",) * bool(links)


def files_of(folder: Path, kind: Kind) -> list[Path]:
    """Return the files of ``kind`` below ``folder``, sorted by name; links are not followed."""
    found = [
        path
        for path in folder.rglob("*")
        if path.suffix.lower() in kind.suffixes and path.is_file() and not path.is_symlink()
    ]
    return sorted(found, key=lambda path: path.relative_to(folder).as_posix())


def _interleaved(classes: Sequence[list[Path]]) -> list[tuple[Path, int]]:
    labelled = [[(path, label) for path in paths] for label, paths in enumerate(classes)]
    return [item for item in chain.from_iterable(zip_longest(*labelled)) if item is not None]
