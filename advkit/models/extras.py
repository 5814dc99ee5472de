"""Optional packages, imported when a spec needs them."""

from importlib import import_module
from importlib.util import find_spec
from typing import Any

from advkit.errors import InputError


def extra(module: str, *, of: str, by: str) -> Any:
    """Return the optional ``module``; raise InputError with the extra that installs it."""
    top = module.partition(".")[0]
    if find_spec(top) is None:
        raise InputError(
            f"{by} needs the package {top}", f'pip install "advkit[{of}]"', code="E315"
        )
    return import_module(module)
