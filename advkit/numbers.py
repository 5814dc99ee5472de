"""Numbers as users write them: 0.03 or 8/255."""

import math
from collections.abc import Iterable
from fractions import Fraction
from typing import Any

from advkit.errors import UsageError

SEVERAL = "give a number or several: [4 / 255, 8 / 255]"


class Relative(float):
    """A radius relative to each sample's own size, given in decibels."""


def decibels(below: float) -> Relative:
    """Return the radius so many decibels below a signal: 40 dB is 0.01 of its size."""
    return Relative(10 ** (-below / 20))


def in_decibels(share: Relative) -> str:
    """Return ``share`` in the notation of `radius`: 40dB for 0.01."""
    return f"{-20 * math.log10(share):.12g}dB" if share else "0"


def radius(text: str) -> float:
    """Return what `number` does, and for '40dB' the radius so far below the signal."""
    if text.strip().lower().endswith("db"):
        return decibels(number(text.strip()[:-2]))
    return number(text)


def number(text: str) -> float:
    """Return the value of a decimal or a fraction; raises UsageError if it is not finite."""
    try:
        value = float(Fraction(text.strip())) if "/" in text else float(text)
    except (ValueError, ZeroDivisionError, OverflowError) as error:
        raise UsageError(f"{text!r} is not a number", "write 0.03 or 8/255", code="E203") from error
    if not math.isfinite(value):
        raise UsageError(f"{text!r} is not a finite number", "write 0.03 or 8/255", code="E203")
    return value


def radii_of(eps: object) -> tuple[float, ...]:
    """Return one or several radii in ascending order, each once; raises as `radius_of`."""
    if isinstance(eps, str) or not isinstance(eps, Iterable):
        return (radius_of(eps),)
    try:
        found = list(eps)
    except TypeError:  # a zero-dimensional tensor has __iter__
        return (radius_of(eps),)
    if not found:
        raise UsageError("eps is empty", SEVERAL, code="E203")
    return tuple(sorted({radius_of(each) for each in found}))


def radius_of(eps: Any) -> float:
    """Return ``eps``, of any numeric type, as a float; raises UsageError."""
    if isinstance(eps, str):
        raise UsageError(f"eps={eps!r} is a string", SEVERAL, code="E203")
    try:
        return eps if isinstance(eps, Relative) else float(eps)
    except (TypeError, ValueError, RuntimeError) as error:
        raise UsageError(
            f"eps={eps!r} is not a single number", "such as 8 / 255", code="E203"
        ) from error


def check_eps(eps: Iterable[float], norm: str) -> None:
    """Raise UsageError for radii that are negative, not finite, or Linf and not below 1."""
    for value in eps:
        if not (math.isfinite(value) and value >= 0):
            raise UsageError(
                f"--eps {value:g} is not a radius", "give 0 or more: 8/255, 0.03", code="E208"
            )
        if norm == "Linf" and value >= 1:
            message, hint = beyond_pixels(value)
            raise UsageError(f"--eps {message}", hint, code="E208")


def beyond_pixels(value: float) -> tuple[str, str]:
    """Return the message and hint for a Linf radius as large as the box."""
    return (
        f"{value:g} is the whole range of a pixel or more: images are in [0, 1]",
        f"did you mean {value:g}/255 = {value / 255:.3g}?",
    )


def several(number: int, noun: str) -> str:
    """Return a number with its noun: 1 picture, 2 pictures, 1 class, 2 classes."""
    ending = "" if number == 1 else "es" if noun.endswith("s") else "s"
    return f"{number:,} {noun}{ending}"


def shown(value: float) -> str:
    """Return ``value`` in few digits, preceded by n/255 if it is that: 8/255 (0.03137)."""
    plain = f"{value:.4g}"
    pixels = round(value * 255)
    whole = 0 < pixels < 255 and math.isclose(value * 255, pixels, rel_tol=1e-6)
    return f"{pixels}/255 ({plain})" if whole and round(value, 3) != value else plain
