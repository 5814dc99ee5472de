"""Numbers as people write them: 0.03 or 8/255."""

import math
from fractions import Fraction

from advkit.errors import UsageError


def number(text: str) -> float:
    """Return the value of a decimal or a fraction; raises UsageError if it is not finite."""
    try:
        value = float(Fraction(text.strip())) if "/" in text else float(text)
    except (ValueError, ZeroDivisionError) as error:
        raise UsageError(f"{text!r} is not a number", "write 0.03 or 8/255") from error
    if not math.isfinite(value):
        raise UsageError(f"{text!r} is not a finite number", "write 0.03 or 8/255")
    return value


def shown(value: float) -> str:
    """Return ``value`` in few digits, before it n/255 if that is what it is: 8/255 (0.03137)."""
    plain = f"{value:.4g}"
    pixels = round(value * 255)
    whole = 0 < pixels < 255 and math.isclose(value * 255, pixels, rel_tol=1e-6)
    return f"{pixels}/255 ({plain})" if whole and round(value, 3) != value else plain
