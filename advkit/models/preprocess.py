"""The preprocessing of pixels in [0, 1] that a net needs; attacks change the pixels before it.

Scaling and normalisation become mean and std of the classifier; resizing, channel order and layout
come after them, with the same result, as they only mix pixels of one channel, or channels, with
weights that add up to 1.
"""

import tomllib
from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from advkit.errors import InputError, UnknownNameError, did_you_mean
from advkit.models.classifier import Classifier
from advkit.models.load_gate import read_gated

CHANNELS, LAYOUTS = ("rgb", "bgr", "gray"), ("chw", "hwc")
INTERPOLATIONS = ("bilinear", "bicubic", "nearest")
GRAY = (0.299, 0.587, 0.114)
"""Luma of ITU-R BT.601, as in Pillow."""


class Preprocess(NamedTuple):
    """A preprocessing; ``mean`` and ``std`` are in units of ``input_range``.

    They have an entry per channel in the channel order of the net.
    """

    mean: Sequence[float] | None = None
    std: Sequence[float] | None = None
    size: Sequence[int] | None = None
    interpolation: str = "bilinear"
    antialias: bool = True
    channels: str = "rgb"
    layout: str = "chw"
    input_range: Sequence[float] = (0.0, 1.0)


KNOWN = {
    "none": Preprocess(),
    "imagenet": Preprocess((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    "cifar10": Preprocess((0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)),
}


def preprocess_of(text: str) -> Preprocess:
    """Return the preprocessing ``none``, ``imagenet``, ``cifar10`` or ``FILE.toml``.

    Raises UsageError for an unknown name or key, InputError for an invalid value.
    """
    if text in KNOWN:
        return KNOWN[text]
    if not text.endswith(".toml"):
        raise UnknownNameError(
            f"there is no preprocessing {text!r}",
            f"{did_you_mean(text, ['auto', *KNOWN])}; or FILE.toml",
        )
    try:
        found = tomllib.loads(read_gated(text).decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{text} is not valid TOML: {error}") from error
    for key in found:
        if key not in Preprocess._fields:
            raise UnknownNameError(f"{text} has an unknown key {key!r}",
                             did_you_mean(key, Preprocess._fields))  # fmt: skip
    if isinstance(found.get("size"), int):
        found["size"] = [found["size"], found["size"]]
    return _checked(Preprocess(**found), text)


def _checked(asked: Preprocess, name: str) -> Preprocess:
    choices = {"interpolation": INTERPOLATIONS, "channels": CHANNELS, "layout": LAYOUTS}
    for key, allowed in choices.items():
        value = getattr(asked, key)
        if value not in allowed:
            raise InputError(f"{name}: {key} = {value!r}", f"one of {', '.join(allowed)}")
    size, limits = asked.size, asked.input_range
    if size is not None and not (_numbers(size, 2) and all(isinstance(n, int) for n in size)
                                 and min(size) > 0):  # fmt: skip
        raise InputError(f"{name}: size = {size!r}", "a whole number, or [height, width]")
    if not _numbers(limits, 2) or not limits[0] < limits[1]:
        raise InputError(f"{name}: input_range = {limits!r}", "such as [0, 255] or [-1, 1]")
    for key in ("mean", "std"):
        value = getattr(asked, key)
        if value is not None and not _numbers(value):
            raise InputError(f"{name}: {key} = {value!r}", "a list of numbers, one per channel")
    return asked


def _numbers(values: Any, length: int | None = None) -> bool:
    fits = isinstance(values, list | tuple) and length in (None, len(values))
    return fits and all(isinstance(n, int | float) and not isinstance(n, bool) for n in values)


def preprocessed(classifier: Classifier, asked: Preprocess) -> Classifier:
    """Return ``classifier`` with ``asked`` in place of its normalisation."""
    low, high = asked.input_range
    mean, std = asked.mean, asked.std
    if (low, high) != (0, 1) or mean or std:
        count = max(len(mean or (0,)), len(std or (0,)))
        means, stds = list(mean or [0.0] * count), list(std or [1.0] * count)
        mean = [(m - low) / (high - low) for m in means]
        std = [s / (high - low) for s in stds]
    if asked.channels == "bgr":
        mean, std = (list(reversed(each)) if each else None for each in (mean, std))
    found = classifier.with_normalisation(mean, std)
    if asked.channels != "rgb" or asked.layout != "chw" or asked.size:
        found.net = Arranged(found.net, asked)
    if asked.size:
        channels = classifier.shape[0] if classifier.shape else 3
        found.shape = (channels, *asked.size)
    return found


class Arranged(nn.Module):
    """A net with resizing, channel order and layout applied to its input."""

    gray: Tensor

    def __init__(self, net: nn.Module, asked: Preprocess) -> None:
        super().__init__()
        self.net, self.asked = net, asked
        self.register_buffer("gray", torch.tensor(GRAY).view(1, 3, 1, 1), persistent=False)

    def forward(self, x: Tensor) -> Any:
        """Return the output of the net for ``x`` (n, channels, height, width)."""
        size = self.asked.size
        if size and x.shape[2:] != tuple(size):
            smooth = self.asked.interpolation != "nearest"
            x = nn.functional.interpolate(
                x, tuple(size), mode=self.asked.interpolation,
                align_corners=False if smooth else None,
                antialias=smooth and self.asked.antialias,
            )  # fmt: skip
        if self.asked.channels == "bgr":
            x = x.flip(1)
        if self.asked.channels == "gray" and x.shape[1] == 3:
            x = (x * self.gray).sum(1, keepdim=True)
        return self.net(x.permute(0, 2, 3, 1) if self.asked.layout == "hwc" else x)
