"""Optional packages, imported when a spec needs them."""

from importlib import import_module
from importlib.util import find_spec
from typing import Any

from advkit.errors import InputError


def extra(module: str, *, of: str, by: str) -> Any:
    """Return the optional ``module``; raise InputError with the extra that installs it.

    Also if it is installed but broken, such as by another version of what it needs.
    """
    top = module.partition(".")[0]
    if find_spec(top) is None:
        raise InputError(
            f"{by} needs the package {top}", f'pip install "advkit[{of}]"', code="E315"
        )
    try:
        return import_module(module)
    except Exception as error:
        why = " ".join(f"{type(error).__name__}: {error}".split())
        raise InputError(
            f"{by} needs the package {top}, which is installed but cannot be imported: {why}",
            f'install it again: pip install --force-reinstall "advkit[{of}]"',
            code="E315",
        ) from error
