"""Plain SVG: elements, scales, ticks. Deterministic output.

Colours are set by class and ``currentColor`` only: a strict content policy blocks ``style=``, and
classes let one drawing follow light, dark and print styles.
"""

import math
from collections.abc import Callable, Sequence

from markupsafe import Markup, escape

from advkit.reports.words import visible

Scale = Callable[[float], float]


def number(value: float) -> str:
    """Return a coordinate with at most two decimals, without trailing zeros or ``-0``."""
    text = f"{value:.2f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def element(tag: str, *children: str, **attributes: object) -> Markup:
    """Return ``<tag ...>children</tag>``, escaped; ``text_anchor`` is written ``text-anchor``.

    A trailing underscore is dropped (``class_``); attributes that are None are left out.
    """
    written = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(_attribute(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    inner = "".join(
        str(child if isinstance(child, Markup) else escape(visible(child))) for child in children
    )
    return Markup(f"<{tag}{written}>{inner}</{tag}>")  # noqa: S704 (every part is escaped above)


def _attribute(value: object) -> str:
    return number(value) if isinstance(value, int | float) else visible(str(value))


def drawing(
    name: str, title: str, desc: str, width: float, height: float, *children: str
) -> Markup:
    """Return a whole ``<svg>`` of ``width`` x ``height`` pixels, with its name and description."""
    return element(
        "svg",
        element("title", title, id=f"{name}-title"),
        element("desc", desc, id=f"{name}-desc"),
        *children,
        viewBox=f"0 0 {number(width)} {number(height)}",
        role="img",
        aria_labelledby=f"{name}-title {name}-desc",
        font_size=12,
    )


def path(corners: Sequence[tuple[str, str]]) -> str:
    """Return the ``d`` of a path through ``corners``, formatted by `number`."""
    return "M" + "L".join(f"{x} {y}" for x, y in corners)


def linear(low: float, high: float, start: float, end: float) -> Scale:
    """Return the linear map that takes ``low`` to ``start`` and ``high`` to ``end``."""
    factor = (end - start) / (high - low)
    return lambda value: start + (value - low) * factor


def ticks(high: float, most: int) -> list[float]:
    """Return 0, step, 2 step ... up to ``high``, at most ``most`` + 1 of them.

    A step is 1, 2, 2.5 or 5 times a power of ten.
    """
    power = 10.0 ** math.floor(math.log10(high / most))
    step = next(
        nice * power for nice in (1, 2, 2.5, 5, 10) if nice * power * most >= high * 0.999999
    )
    return [round(i * step, 12) for i in range(math.floor(high / step * 1.000001) + 1)]


def whole_ticks(high: float, most: int) -> list[float]:
    """Like `ticks`, at whole numbers only, steps 1, 2, 4, 8, 16 ...: for eps counted in 1/255."""
    step = 2 ** max(0, math.ceil(math.log2(high / most) - 1e-9))
    return [float(tick) for tick in range(0, math.floor(high + 1e-9) + 1, step)]


def text_width(text: str, size: float = 12) -> float:
    """Estimate the width of ``text`` in pixels in a sans serif (generous: 0.58 em per letter)."""
    return 0.58 * size * len(text)
