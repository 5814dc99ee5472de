"""Numbers and names as text: percent, eps, durations, and untrusted text made safe."""

import re

from advkit.reports.tables import Interval

# Control characters but tab and line feed, characters that reorder the text around them (a class
# name must not rewrite its sentence), lone surrogates, and noncharacters.
HIDDEN = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"
    r"\ud800-\udfff\ufdd0-\ufdef"
    + "".join(
        f"{chr(plane + 0xFFFE)}{chr(plane + 0xFFFF)}" for plane in range(0, 0x110000, 0x10000)
    )
    + "]"
)

THROUGH = re.compile(r"([^=(]+)\((.*)\)")


def visible(text: str) -> str:
    """Replace control, direction and lone surrogate characters by their names, as `<U+202E>`.

    Line feeds and tabs stay. The result can always be encoded as UTF-8.
    """
    return HIDDEN.sub(lambda found: f"<U+{ord(found[0]):04X}>", text)


def short(text: object, limit: int = 60) -> str:
    """Cut ``text`` after ``limit`` characters, with an ellipsis in the place of the rest."""
    whole = str(text)
    return whole if len(whole) <= limit else whole[: limit - 1].rstrip() + "\u2026"


def bare(attack: str) -> str:
    """Return an attack's name without its options: `pgd` for `pgd:steps=40,step=0.1`.

    With a substitute gradient both names are kept: `smoothed(pgd)`.
    """
    if inside := THROUGH.fullmatch(attack):
        return f"{inside[1]}({bare(inside[2])})"
    head, _, tail = attack.rpartition(":")
    return head if head and "=" in tail else attack


def options_of(attack: str) -> list[str]:
    """Return the options in an attack's label: `steps=40`, `step=0.1`."""
    if inside := THROUGH.fullmatch(attack):
        return options_of(inside[2])
    told = attack.removeprefix(bare(attack)).removeprefix(":")
    return told.split(",") if told else []


def slug(text: str) -> str:
    """Return ``text`` as part of an element's id: ASCII letters, digits, ``_ . -``; at most 48."""
    return re.sub(r"[^A-Za-z0-9_.-]+", "-", text)[:48].strip("-") or "x"


def percent(share: float) -> str:
    """Return a share as percent with one decimal; only 0 and 1 themselves read 0.0, 100.0."""
    if 0 < share < 0.0005:
        return "<0.1%"
    if 0.9995 <= share < 1:
        return ">99.9%"
    return f"{100 * share:.1f}%"


def spread(interval: Interval) -> str:
    """Return the interval in percent, as `84.9 to 89.1%`."""
    return f"{100 * interval.low:.1f} to {100 * interval.high:.1f}%"


def count(number: int) -> str:
    """Return an integer with thousands separators."""
    return f"{number:,}"


def mean(number: float) -> str:
    """Return a mean of counts: one decimal below 100, else none; no `.0`."""
    text = f"{number:,.1f}" if number < 100 else f"{number:,.0f}"
    return text.removesuffix(".0")


def seconds(duration: float) -> str:
    """Return seconds with one decimal; below 0.1 with one significant digit."""
    return f"{duration:,.1f}" if duration >= 0.1 or duration == 0 else f"{duration:.1g}"


def probability(p: float) -> str:
    """Return a p value with two significant digits; below a millionth only that."""
    return "<1e-06" if p < 1e-6 else f"{p:.2g}"


def grey_levels(eps: float, norm: str) -> int | None:
    """Return n if a Linf eps is n/255, else None (other norms do not count grey levels)."""
    levels = round(eps * 255)
    fits = norm == "Linf" and 0 < levels <= 255 and abs(eps * 255 - levels) < 1e-6
    return levels if fits else None


def decimal(number: float) -> str:
    """Return a number with three significant digits at most, four from 1,000 on."""
    return f"{number:.3g}" if 1e-4 <= abs(number) < 1e3 or number == 0 else f"{number:.4g}"


def in_255(eps: float, norm: str) -> bool:
    """Return whether eps is best written n/255: it is one, and is no short decimal such as 0.2."""
    return grey_levels(eps, norm) is not None and abs(round(eps, 3) - eps) > 1e-9


def eps_text(eps: float, norm: str) -> str:
    """Return eps in its shorter form: `8/255` or `0.1`."""
    return f"{grey_levels(eps, norm)}/255" if in_255(eps, norm) else decimal(eps)


def eps_both(eps: float, norm: str) -> str:
    """Return eps in both forms if it has two: `8/255 (0.0314)`, `0.2 (51/255)`, else `0.1`."""
    levels = grey_levels(eps, norm)
    if levels is None:
        return decimal(eps)
    forms = (f"{levels}/255", decimal(eps))
    first, second = forms if in_255(eps, norm) else forms[::-1]
    return f"{first} ({second})"
