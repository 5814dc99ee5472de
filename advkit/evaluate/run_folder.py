"""The run directory: who may write there, and its JSON and text files, each replaced atomically."""

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

from advkit.errors import InputError, did_you_mean, naming


def read_json(folder: Path, name: str) -> Any:
    """Return the content of a JSON file of the run, None if there is none.

    Raises InputError if it is damaged.
    """
    file = folder / name
    if not file.exists():
        return None
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except (ValueError, OSError) as error:
        raise InputError(
            f"{file} is damaged: {error}", "--fresh starts again", code="E313"
        ) from error


def check_there(folder: Path) -> None:
    """Raise InputError, with the directory that may be meant, if ``folder`` is no directory."""
    if folder.is_dir():
        return
    beside = [path.name for path in folder.parent.glob("*/")] if folder.parent.is_dir() else []
    hint = did_you_mean(folder.name, beside) if beside else "give a run directory"
    raise InputError(f"there is no directory {folder}", hint, code="E301")


def make_place(out: Path, strange: Callable[[set[str]], bool]) -> None:
    """Create the run directory ``out`` if needed.

    Raises InputError if it is a file, cannot be created, or if ``strange`` holds for its content.
    """
    if out.exists() and not out.is_dir():
        raise InputError(f"--out {out} is a file", "give a directory", code="E311")
    make_folder(out)
    with writing_to(out):
        there = {file.name for file in out.iterdir()}
    if strange(there):
        hint = "give a new or an empty directory"
        raise InputError(f"--out {out} holds other files", hint, code="E311")


def make_folder(out: Path) -> None:
    """Create ``out`` and its parents if needed; raises InputError."""
    with writing_to(out):
        out.mkdir(parents=True, exist_ok=True)


@contextmanager
def folder_for(out: Path) -> Iterator[None]:
    """Create ``out`` before the block; remove it if the block fails with nothing written."""
    new = not out.exists()
    make_folder(out)
    try:
        yield
    except BaseException:
        if new and not any(out.iterdir()):
            out.rmdir()
        raise


@contextmanager
def writing_to(out: Path) -> Iterator[None]:
    """Convert OSErrors of the block into an InputError."""
    try:
        yield
    except OSError as error:
        why = f"cannot write to --out {out}: {error.strerror}"
        raise InputError(why, code="E311") from error


def no_run(*before: str) -> Callable[[set[str]], bool]:
    """Return a test for names without `run.json`, other than those that a run writes ``before``."""

    def strange(there: set[str]) -> bool:
        left = {name for name in there if not name.endswith(".tmp")}
        return "run.json" not in left and not left <= {*before}

    return strange


def write_json(folder: Path, name: str, content: Any) -> Path:
    """Replace a JSON file of the run; return its path."""
    return write_text(folder, name, json.dumps(content, indent=2) + "\n")


def write_text(folder: Path, name: str, text: str) -> Path:
    """Replace a text file of the run; return its path."""
    with _in_place_of(folder / name) as temporary:
        temporary.write_text(text, encoding="utf-8")
    return folder / name


def replaced(file: Path, write: Callable[[BinaryIO], Any]) -> Path:
    """Replace a binary file by what ``write`` writes, once that is on disk; return its path."""
    with _in_place_of(file) as temporary, temporary.open("wb") as out:
        write(out)
        out.flush()
        os.fsync(out.fileno())
    return file


def write_bytes(file: Path, content: memoryview) -> Path:
    """Replace a binary file by ``content``; return its path."""
    return replaced(file, lambda out: out.write(content))


@contextmanager
def _in_place_of(file: Path) -> Iterator[Path]:
    """Yield the file to write, which then replaces ``file``; an OSError names ``file``."""
    temporary = file.with_name(f"{file.name}.tmp")
    try:
        with naming(file):
            yield temporary
    except OSError:
        with suppress(OSError):
            temporary.unlink()  # a full disk needs the room
        raise
    temporary.replace(file)
