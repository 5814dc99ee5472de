"""The pictures of the study of linearity: templates, and images that are brought to fool."""

from typing import NamedTuple

from torch import Tensor

from advkit.benchmarks.linear_decay import Shown
from advkit.benchmarks.linear_fits import Fit, class_names, templates
from advkit.data.samples import Samples


class Picture(NamedTuple):
    """A picture, (C, H, W): an image in [0, 1], or signed about 0; its group, and its words."""

    group: str
    head: str
    text: str
    detail: str
    signed: bool
    pixels: Tensor


def template_pictures(group: str, fitted: Fit, samples: Samples, text: str = "") -> list[Picture]:
    """Return what each class looks for; of two classes, what the second does."""
    names = class_names(samples)
    names = names[1:] if len(names) == 2 else names
    return [
        Picture(group, name, text, "", True, one)
        for name, one in zip(names, templates(fitted, samples.x.shape[1:]), strict=True)
    ]


def fooling_pictures(one: Shown) -> list[Picture]:
    """Return an image, the change, and their sum, cut to the box."""
    group, size = "foolings", f"L2 {float(one.change.norm()):.3g}"
    moved = one.moved.clamp(0, 1)
    return [
        Picture(group, f"decay {one.decay:g}", one.source, f"{one.before:.1%}", False, one.clean),
        Picture(group, "change", f"decay {one.decay:g}", size, True, one.change),
        Picture(group, "sum", one.target, f"{one.after:.1%}", False, moved),
    ]
