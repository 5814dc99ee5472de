"""Saliency maps as heat maps: diverging about 0 if signs are meaningful, else dark to light."""

import base64
import io
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from markupsafe import Markup
from matplotlib import colormaps
from numpy.typing import NDArray
from PIL import Image

from advkit.reports.images import Bytes, Floats, to_bytes
from advkit.reports.svg import element, text_width
from advkit.reports.words import decimal

CLIP = 99.5
"""Percentile of |map| at which the scale ends: outliers would darken all other pixels."""
LEVELS = 256
OBJECT, BACKGROUND = (255, 140, 0), (40, 110, 255)


class Scale(NamedTuple):
    """The colour scale of one method's maps, the same for all images."""

    signed: bool
    high: float
    """In units of the map; the scale begins at 0, or at minus this."""

    @property
    def low(self) -> float:
        """The lower end."""
        return -self.high if self.signed else 0.0


def scale_of(maps: Floats, signed: bool) -> Scale:
    """Return the scale for maps (n, height, width) of one method."""
    size = np.abs(maps)
    high = float(np.percentile(size, CLIP)) or float(size.max())
    return Scale(signed, high)


def palette(signed: bool) -> NDArray[np.uint8]:
    """Return 256 colours (256, 3): red for, blue against and white for 0; or dark to light."""
    colours = colormaps["RdBu_r" if signed else "inferno"](np.linspace(0, 1, LEVELS))
    return np.asarray(np.rint(255 * colours[:, :3]).astype(np.uint8))


def heat_uri(saliency: Floats, scale: Scale) -> str:
    """Return a map (height, width) as a PNG data URI with a palette; 0 is drawn as 0."""
    span = scale.high - scale.low
    share = (saliency - scale.low) / span if span else np.full(saliency.shape, scale.signed / 2)
    levels = np.rint(np.clip(share, 0, 1) * (LEVELS - 1)).astype(np.uint8)
    picture = Image.fromarray(levels).convert("P")
    picture.putdata(levels.ravel().tolist())
    picture.putpalette(palette(scale.signed).ravel().tolist())
    buffer = io.BytesIO()
    picture.save(buffer, format="PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")


def colour_bar(scale: Scale, name: str, width: int = 190) -> Markup:
    """Draw the scale with its numbers."""
    colours, steps, left = palette(scale.signed), 48, 2
    each = (width - 2 * left) / steps
    boxes = [
        element("rect", x=left + i * each, y=2, width=each + 0.4, height=10,
                fill="#" + "".join(f"{c:02x}" for c in colours[i * (LEVELS - 1) // (steps - 1)]))
        for i in range(steps)
    ]  # fmt: skip
    ends = [(float(left), "start", decimal(scale.low)), (width - left, "end", decimal(scale.high))]
    if scale.signed:
        ends.insert(1, (width / 2, "middle", "0"))
    words = [
        element("text", text.replace("-", "\u2212"), x=x, y=26, text_anchor=anchor, font_size=11)
        for x, anchor, text in ends
        if anchor == "middle" or text_width(text, 11) < width / 2
    ]
    title = f"{name}: from {decimal(scale.low)} to {decimal(scale.high)}"
    return element("svg", element("title", title), *boxes, *words, viewBox=f"0 0 {width} 30",
                   width=width, height=30, role="img", shape_rendering="crispEdges",
                   class_="bar-of-colours")  # fmt: skip


def outlined(image: Floats, mask: NDArray[np.bool_], box: Sequence[int]) -> Bytes:
    """Return an image (h, w, c) with the mask's outline, its box, and the rest faded."""
    levels = colour(image)
    pale = (0.35 * levels + 0.65 * 255).astype(np.uint8)
    faded: Bytes = np.where(mask[..., None], levels, pale)
    inner = np.zeros_like(mask)
    inner[1:-1, 1:-1] = (mask[1:-1, 1:-1] & mask[:-2, 1:-1] & mask[2:, 1:-1]
                         & mask[1:-1, :-2] & mask[1:-1, 2:])  # fmt: skip
    faded[mask & ~inner] = OBJECT
    top, left, bottom, right = box
    if bottom > top:
        thick = max(round(max(mask.shape) / 150), 1)
        frame = np.zeros_like(mask)
        frame[top:bottom, left:right] = True
        frame[top + thick : bottom - thick, left + thick : right - thick] = False
        faded[frame] = BACKGROUND
    return faded


def seeded(image: Floats, seeds: NDArray[np.bool_]) -> Bytes:
    """Return an image in grey with the seeds of background (0) and object (1) in two colours."""
    grey: Floats = colour(image).mean(-1, keepdims=True).repeat(3, -1)
    for seed, paint in zip(seeds, (BACKGROUND, OBJECT), strict=True):
        grey[seed] = 0.45 * grey[seed] + 0.55 * np.array(paint)
    painted: Bytes = grey.astype(np.uint8)
    return painted


def colour(image: Floats) -> NDArray[Any]:
    """Return an image (h, w, c) as bytes with three channels."""
    levels = to_bytes(image)
    return levels if levels.ndim == 3 else levels[..., None].repeat(3, -1)
