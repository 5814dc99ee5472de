"""Checks of options before anything is loaded, so that errors are reported at once."""

import math
from collections.abc import Callable, Collection, Mapping
from inspect import Parameter, signature
from numbers import Integral
from typing import Any

from advkit.attacks import ATTACKS
from advkit.errors import UnknownNameError, UsageError, did_you_mean

COUNTS = ("batch_size", "jobs", "steps", "draws", "clips")
SIZES = ("seconds", "unit_seconds", "smooth")


def check_words(run: Callable[..., Any], given: Mapping[str, Any]) -> None:
    """Raise UsageError for a keyword that ``run`` does not accept."""
    known = [name for name, each in signature(run).parameters.items()
             if each.kind is Parameter.KEYWORD_ONLY]  # fmt: skip
    for name in given:
        if name not in known:
            raise UnknownNameError(f"there is no option {name!r}", did_you_mean(name, known))


def check_numbers(**given: Any) -> None:
    """Raise UsageError for counts below 1, sizes that are not above 0, and invalid seeds.

    None and other names are ignored.
    """
    for name, value in given.items():
        whole = isinstance(value, int) and not isinstance(value, bool)
        if value is None:
            continue
        if name in COUNTS and not (whole and value >= 1):
            raise UsageError(f"{name}={value!r} is not possible", "give 1 or more", code="E203")
        if name == "limit" and not (whole and value >= 0):
            raise UsageError(f"limit={value!r} is not possible", "a whole number", code="E203")
        if name == "doubt" and not 0 < value < 1:
            raise UsageError(f"doubt={value!r} is not possible", "between 0 and 1", code="E203")
        if name == "seed" and not whole:
            raise UsageError(f"seed={value!r} is not possible", "a whole number", code="E203")
        if name in SIZES and not (isinstance(value, int | float) and 0 < value < math.inf):
            raise UsageError(f"{name}={value!r} is not possible", "a number above 0", code="E203")


def check_choice(name: str, value: object, known: Collection[str]) -> None:
    """Raise UsageError if ``value`` is not in ``known``."""
    if value not in known:
        raise UnknownNameError(f"{name}={value!r} is not possible", did_you_mean(str(value), known))


def check_list(name: str, given: object) -> None:
    """Raise UsageError for a single string where a list is expected: it is a list of letters."""
    if isinstance(given, str):
        raise UsageError(f"{name}={given!r} is one string", f"give a list of {name}", code="E203")


def text_of_attack(name: object) -> str:
    """Return the name of an attack, or of its function; raises UsageError for anything else."""
    found = getattr(name, "__name__", None) if callable(name) else name
    if not isinstance(found, str) or (callable(name) and ATTACKS.get(found) is not name):
        raise UsageError(
            f"the attack {name!r} is not a name",
            "such as 'pgd:steps=40'; your own is './file.py:function'",
            code="E203",
        )
    return found


def text_of_targets(targets: object) -> str | None:
    """Return the target of all samples as text; raises UsageError for several."""
    if targets is None or isinstance(targets, str | Integral):
        return targets if targets is None else str(targets)
    raise UsageError(
        f"targets is a {type(targets).__name__}, not one class",
        "give a class by name or number, 'random' or 'least_likely'; a target for each sample: "
        "advkit.attacks.NAME(model, x, y, targets=...)",
        code="E203",
    )
