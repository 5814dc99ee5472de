"""Permission to load files that can run code: only for this run, or for trusted files.

Configuration files and environment variables cannot grant it: only ``--allow-unsafe-load`` for one
run, or ``advkit trust add`` for a file, identified by the sha256 of its bytes.
"""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

from advkit.errors import InputError, UnsafeError
from advkit.models.load_gate import read_judged
from advkit.user_folder import user_folder

_ALLOWED = ContextVar("_ALLOWED", default=False)


@contextmanager
def unsafe_loads_allowed(allowed: bool = True) -> Iterator[None]:
    """Allow loading of files that can run code within the block, if ``allowed``."""
    token = _ALLOWED.set(allowed)
    try:
        yield
    finally:
        _ALLOWED.reset(token)


def allows_unsafe_loads() -> bool:
    """Return whether this run may load any file that can run code."""
    return _ALLOWED.get()


def is_allowed(data: bytes) -> bool:
    """Return whether these bytes may be loaded although they can run code."""
    return allows_unsafe_loads() or sha256(data).hexdigest() in trusted()


def admit(data: bytes, refusal: UnsafeError) -> str:
    """Return a note for the report if ``data`` may be loaded; otherwise raise ``refusal``."""
    if not is_allowed(data):
        raise refusal
    return f"unsafe load: yes, of a file that can run code (sha256 {sha256(data).hexdigest()})"


def trusted_file() -> Path:
    """Return the path of the list of trusted files, in the user's configuration.

    Raises InputError if this user has no home directory.
    """
    folder = user_folder()
    if folder is None:
        raise InputError(
            "there is no place for the list of trusted files: this user has no home directory",
            "set XDG_CONFIG_HOME to a folder, or give --allow-unsafe-load in this run",
        )
    return folder / "trusted.json"


def trusted() -> dict[str, dict[str, str]]:
    """Return the trusted files by sha256: ``name`` and the date ``added``.

    Raises InputError if the list cannot be read.
    """
    if user_folder() is None:
        return {}
    file = trusted_file()
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise InputError(f"{file} cannot be read: {error}", "mend it, or delete it") from error
    if not isinstance(found, dict) or not all(isinstance(one, dict) for one in found.values()):
        raise InputError(f"{file} is not a list of trusted files", "mend it, or delete it")
    return found


def trust(path: str) -> tuple[str, bool]:
    """Trust the present bytes of ``path``; return their sha256, and whether that was needed."""
    data, refusal = read_judged(path)
    digest = sha256(data).hexdigest()
    about = {"name": Path(path).name, "added": f"{datetime.now(UTC):%Y-%m-%d}"}
    _write({**trusted(), digest: about})
    return digest, refusal is not None


def distrust(what: str) -> str:
    """Remove a file from the list, by path, name or prefix of its sha256; return the sha256.

    Raises InputError if none or several match.
    """
    known = trusted()
    if Path(what).is_file():
        wanted = sha256(Path(what).read_bytes()).hexdigest()
        hits = [digest for digest in known if digest == wanted]
    else:
        hits = [d for d, about in known.items() if d.startswith(what) or about["name"] == what]
    if len(hits) != 1:
        told = f"{len(hits)} trusted files are" if hits else "no trusted file is"
        raise InputError(f"{told} meant by {what!r}", "advkit trust list shows them")
    _write({digest: about for digest, about in known.items() if digest != hits[0]})
    return hits[0]


def _write(known: dict[str, dict[str, str]]) -> None:
    file = trusted_file()
    partial = file.with_suffix(f".{os.getpid()}.partial")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        partial.write_text(json.dumps(known, indent=2, sort_keys=True), encoding="utf-8")
        partial.replace(file)
    except OSError as error:
        raise InputError(f"{file} cannot be written: {error.strerror}") from error
