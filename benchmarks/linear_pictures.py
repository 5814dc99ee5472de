"""Pictures of the linearity study: templates, and adversarial images."""

from typing import NamedTuple

from torch import Tensor

from advkit.benchmarks.linear_decay import Shown
from advkit.benchmarks.linear_fits import Fit, class_names, templates
from advkit.data.samples import Samples


class Picture(NamedTuple):
    """A picture (C, H, W), an image in [0, 1] or signed values around 0, with group and text."""

    group: str
    head: str
    text: str
    detail: str
    signed: bool
    pixels: Tensor


def template_pictures(group: str, fitted: Fit, samples: Samples, text: str = "") -> list[Picture]:
    """Return the template of each class; with two classes that of the second only."""
    names = class_names(samples)
    names = names[1:] if len(names) == 2 else names
    return [
        Picture(group, name, text, "", True, one)
        for name, one in zip(names, templates(fitted, samples.x.shape[1:]), strict=True)
    ]


def fooling_pictures(one: Shown) -> list[Picture]:
    """Return an image, its perturbation, and their sum, clipped to the box."""
    group, size = "foolings", f"L2 {float(one.change.norm()):.3g}"
    moved = one.moved.clamp(0, 1)
    return [
        Picture(group, f"decay {one.decay:g}", one.source, f"{one.before:.1%}", False, one.clean),
        Picture(group, "change", f"decay {one.decay:g}", size, True, one.change),
        Picture(group, "sum", one.target, f"{one.after:.1%}", False, moved),
    ]
