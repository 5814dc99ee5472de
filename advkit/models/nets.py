"""The small nets that advkit trains, for images of at least 8 x 8 pixels and for waveforms."""

import inspect
from collections.abc import Callable
from itertools import pairwise
from math import prod
from typing import Any

from torch import Tensor, nn

from advkit.errors import UnknownNameError, UsageError, did_you_mean
from advkit.models.sound import WINDOW, logmel, logmel_linear
from advkit.models.vision_transformer import VisionTransformer


def build(arch: str, *, shape: tuple[int, ...], n_classes: int, **options: Any) -> nn.Module:
    """Return a new net of ``arch`` for images of ``shape`` (channels, height, width).

    ``logistic`` and ``mlp`` also take flat inputs, shape (features,); `SOUND` take waveforms, shape
    (length,), only. Weights come from the global generator: seed it under `torch.random.fork_rng`.
    Raises UsageError.
    """
    if arch not in NETS:
        raise UnknownNameError(f"there is no architecture {arch!r}", did_you_mean(arch, NETS))
    if n_classes < 2:
        raise UsageError(
            f"{arch} for {n_classes} classes is not possible", "2 classes or more", code="E203"
        )
    known = inspect.signature(NETS[arch]).parameters
    for key, value in options.items():
        if key not in list(known)[2:]:
            raise UnknownNameError(
                f"{arch} has no option {key!r}", did_you_mean(key, list(known)[2:] or ["none"])
            )
        if not isinstance(value, int) or value < 1:
            raise UsageError(
                f"{arch}?{key}={value} is not possible", "a whole number from 1 up", code="E203"
            )
    if arch in SOUND and (len(shape) != 1 or shape[0] < 8 * WINDOW):
        raise UsageError(
            f"{arch} cannot take inputs of shape {shape}",
            f"waveforms of at least {8 * WINDOW} numbers: --data audio:DIR",
        )
    if arch not in (*FLAT, *SOUND) and (len(shape) != 3 or min(shape[1:]) < 8):
        raise UsageError(
            f"{arch} cannot take inputs of shape {shape}",
            f"images of at least 8 x 8 pixels; for anything else: {' or '.join(FLAT)}",
        )
    return NETS[arch](shape, n_classes, **options)


def logistic(shape: tuple[int, ...], n_classes: int) -> nn.Module:
    """Return multinomial logistic regression."""
    return nn.Sequential(nn.Flatten(), nn.Linear(prod(shape), n_classes))


def mlp(shape: tuple[int, ...], n_classes: int, width: int = 256, depth: int = 2) -> nn.Module:
    """Return a perceptron with ``depth`` hidden layers of ``width``."""
    sizes = [prod(shape)] + [width] * depth
    layers: list[nn.Module] = [nn.Flatten()]
    for fan_in, fan_out in pairwise(sizes):
        layers += [nn.Linear(fan_in, fan_out), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(sizes[-1], n_classes))


def cnn(shape: tuple[int, ...], n_classes: int, width: int = 32, hidden: int = 128) -> nn.Module:
    """Return two 3 x 3 convolutions, each with a pool, and two linear layers."""
    channels, height, columns = shape
    return nn.Sequential(
        nn.Conv2d(channels, width, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(width, 2 * width, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(2 * width * (height // 4) * (columns // 4), hidden),
        nn.ReLU(),
        nn.Linear(hidden, n_classes),
    )


class Residual(nn.Module):
    """Two 3 x 3 convolutions with batch norm around a shortcut (He et al. 2016)."""

    def __init__(self, fan_in: int, fan_out: int, stride: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(fan_in, fan_out, 3, stride, padding=1, bias=False),
            nn.BatchNorm2d(fan_out),
            nn.ReLU(),
            nn.Conv2d(fan_out, fan_out, 3, padding=1, bias=False),
            nn.BatchNorm2d(fan_out),
        )
        self.shortcut = (
            nn.Identity()
            if stride == 1 and fan_in == fan_out
            else nn.Sequential(
                nn.Conv2d(fan_in, fan_out, 1, stride, bias=False), nn.BatchNorm2d(fan_out)
            )
        )
        self.relu = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        """Return features (n, fan_out, height / stride, width / stride)."""
        return self.relu(self.body(x) + self.shortcut(x))  # type: ignore[no-any-return]


def resnet(shape: tuple[int, ...], n_classes: int, width: int = 16) -> nn.Module:
    """Return a stem and three residual blocks of 1, 2 and 4 times ``width``, with batch norm."""
    return nn.Sequential(
        nn.Conv2d(shape[0], width, 3, padding=1, bias=False),
        nn.BatchNorm2d(width),
        nn.ReLU(),
        Residual(width, width, 1),
        Residual(width, 2 * width, 2),
        Residual(2 * width, 4 * width, 2),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(4 * width, n_classes),
    )


def vit(
    shape: tuple[int, ...], n_classes: int, width: int = 64, depth: int = 4, heads: int = 4
) -> nn.Module:
    """Return a small vision transformer (Dosovitskiy et al. 2021)."""
    if width % heads:
        raise UsageError(
            f"vit?width={width}&heads={heads} is not possible", "width / heads whole", code="E203"
        )
    return VisionTransformer(shape, n_classes, width=width, depth=depth, heads=heads)


NETS: dict[str, Callable[..., nn.Module]] = {
    "logistic": logistic,
    "mlp": mlp,
    "cnn": cnn,
    "resnet": resnet,
    "vit": vit,
    "logmel": logmel,
    "logmel_linear": logmel_linear,
}
FLAT = ("logistic", "mlp")
"""Architectures for inputs of any shape."""
SOUND = ("logmel", "logmel_linear")
"""Architectures for waveforms only."""
