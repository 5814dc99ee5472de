"""The gate for every file that is loaded: identified by content, never by suffix.

Files that could run code when unpickled (pickle, joblib, torch.save, TorchScript, .pt2) are refused
unopened; files that are no model are reported as what they are. `load_policy` decides about
exceptions.
"""

import io
import pickletools
import shlex
import zipfile
from collections.abc import Callable
from difflib import get_close_matches
from pathlib import Path

from advkit.errors import AdvkitError, InputError, UnsafeError

# Safetensors begin with the length of their header, whose low bytes may look like any of the
# others; if a header follows, no other reader gets the file.
LEGACY = bytes.fromhex("80028a0a6cfc9c46f9206aa850192e")
"""How torch.save files began before the zip format."""
KINDS = {
    "a TorchScript archive": "torchscript",
    "an exported program (.pt2)": "pt2",
    "a zipped pickle (torch.save)": "torch.save",
    "a scikit-learn model (skops)": "skops",
}
_TABLE = b"\0\0\0\0{"
_COMPRESSED = (b"\x1f\x8b", b"BZh", b"\xfd7zXZ\x00", b"\x5d\x00\x00", b"\x04\x22\x4d\x18")
_ZLIB = (b"\x78\x01", b"\x78\x5e", b"\x78\x9c", b"\x78\xda")


def read_gated(path: str | Path) -> bytes:
    """Return the bytes of ``path`` if they may be parsed.

    Raises InputError (missing, empty, HTML page, Git LFS pointer, truncated archive) and
    UnsafeError (pickles, and zip archives that can hold code).
    """
    data, refusal = read_judged(path)
    if refusal is not None:
        raise refusal
    return data


def read_judged(path: str | Path) -> tuple[bytes, UnsafeError | None]:
    """Return the bytes of ``path``, and the error that forbids loading them, if any.

    Raises InputError as `read_gated` does.
    """
    data = _read(Path(path))
    if data[4:9] == _TABLE:
        return data, None
    for looks_like in (_nothing, _text, _pickle, _compressed, _archive):
        error = looks_like(str(path), data)
        if isinstance(error, UnsafeError):
            return data, error
        if error is not None:
            raise error
    return data, None


def kind_of(data: bytes) -> str:
    """Return the kind of ``data`` by its content: one of `KINDS`, or '' if unknown."""
    if data[4:9] == _TABLE or data[8:9] == b"{":
        return "safetensors"
    if data.startswith(b"PK"):
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return KINDS.get(_kind(archive.namelist()), "")
    if data.startswith(LEGACY):
        return "torch.save"
    if data.startswith((*_COMPRESSED, *_ZLIB)) or _pickle("a file", data):
        return "pickle"
    return "onnx" if data.startswith(b"\x08") else ""


def _refused(path: str, what: str) -> UnsafeError:
    name, scikit = shlex.quote(path), path.endswith((".joblib", ".pkl"))
    out = shlex.quote(str(Path(path).with_suffix(".skops" if scikit else ".safetensors")))
    return UnsafeError(
        f"{path} is {what}; it was not opened",
        f"turn it into a file without code: advkit convert {name} -o {out}; or, if you trust who "
        f"made it: advkit trust add {name}, or --allow-unsafe-load for this run",
    )


def _read(path: Path) -> bytes:
    if path.is_dir():
        raise InputError(f"{path} is a directory, not a file", "give the file itself", code="E302")
    try:
        return path.read_bytes()
    except FileNotFoundError as error:
        raise missing(path) from error
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}", code="E302") from error


def missing(path: Path) -> InputError:
    """Return the error for a path that does not exist, with similar names."""
    folder = path.parent
    names = [p.name for p in folder.iterdir()] if folder.is_dir() else []
    near = get_close_matches(path.name, names, n=3, cutoff=0.5)
    hint = f"near it: {', '.join(near)}" if near else "check the path"
    if not folder.is_dir():
        hint = f"the directory {folder} does not exist either"
    where = "" if path.is_absolute() else f" (looked from {Path.cwd()})"
    return InputError(f"{path} does not exist{where}", hint, code="E301")


def _nothing(path: str, data: bytes) -> AdvkitError | None:
    if data:
        return None
    return InputError(
        f"{path} is empty (0 bytes)", "the download or the copy failed; get it again", code="E302"
    )


def _text(path: str, data: bytes) -> AdvkitError | None:
    head = data[:512].lstrip().lower()
    if head.startswith(b"version https://git-lfs"):
        return InputError(
            f"{path} is a Git LFS pointer, not the file itself", "run: git lfs pull", code="E302"
        )
    if head.startswith((b"<!doctype", b"<html", b"<?xml", b"<head", b"<body")):
        return InputError(
            f"{path} is an HTML page, not a model or data",
            "the download failed and saved an error page; get the file again",
            code="E302",
        )
    return None


def _pickle(path: str, data: bytes) -> AdvkitError | None:
    if (data[0] == 0x80 and data[1:2] <= b"\5") or _reads_as_pickle(data):
        return _refused(path, "a pickle, which can run code")
    return None


def _reads_as_pickle(data: bytes) -> bool:
    """Return whether ``data`` begins with a text-protocol pickle; nothing is executed."""
    try:
        pickletools.dis(data, io.StringIO())
    except Exception:
        return False
    return True


def _compressed(path: str, data: bytes) -> AdvkitError | None:
    if data.startswith(_COMPRESSED) or data.startswith(_ZLIB):
        return _refused(path, "a compressed stream, as joblib writes its pickles")
    return None


def _archive(path: str, data: bytes) -> AdvkitError | None:
    if not data.startswith(b"PK"):
        return None
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, ValueError, NotImplementedError):
        return InputError(
            f"{path} is a truncated zip archive: its table of contents is not in its "
            f"{len(data)} bytes",
            "the download or copy was interrupted; get the file again",
            code="E302",
        )
    if names and all(name.endswith(".npy") for name in names):
        return None
    return _refused(path, f"{_kind(names)}, which can run code")


def _kind(names: list[str]) -> str:
    def any_name(test: Callable[[str], bool]) -> bool:
        return any(test(name) for name in names)

    if any_name(lambda name: "/code/" in f"/{name}"):
        return "a TorchScript archive"
    if any_name(lambda name: "serialized_" in name or "archive_format" in name):
        return "an exported program (.pt2)"
    if any_name(lambda name: name.endswith(".pkl")):
        return "a zipped pickle (torch.save)"
    if "schema.json" in names:
        return "a scikit-learn model (skops)"
    return "a zip archive of unknown content"
