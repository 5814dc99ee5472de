"""What a run is made of: a resumed run must agree with it, and a report shows it."""

import platform
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

import torch

from advkit.errors import InputError

PACKAGES = ("advkit", "torch", "torchvision", "numpy")


def environment(device: str) -> dict[str, str]:
    """Return versions and hardware, as printed in the report."""
    found = {"python": platform.python_version(), "platform": platform.platform()}
    found |= {name: _version(name) for name in PACKAGES}
    return found | {"device": device, "threads": str(torch.get_num_threads())}


def _version(name: str) -> str:
    if name == "advkit":
        import advkit

        return advkit.__version__
    return version(name)


def now() -> str:
    """Return the time in UTC to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def check_same(before: Mapping[str, Any], after: Mapping[str, Any], where: str) -> None:
    """Raise InputError that lists the fields in which a resumed run differs."""
    names = sorted(before.keys() | after.keys())
    differ = [name for name in names if before.get(name) != after.get(name)]
    if differ:
        listed = "; ".join(f"{n}: {before.get(n)!r} then, {after.get(n)!r} now" for n in differ)
        raise InputError(
            f"{where} holds a run with other {', '.join(differ)} ({listed})",
            "give another --out, or --fresh to discard it",
        )


def command_line() -> str:
    """Return the command that was typed, for a person to repeat."""
    import shlex

    return shlex.join(["advkit", *sys.argv[1:]])
