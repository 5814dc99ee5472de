"""What all picture commands are given: a model, images or their size, and where to write."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from advkit.api.pairing import paired
from advkit.api.request import own_data, pick_device
from advkit.data.python_data import Data
from advkit.data.samples import Samples, moved
from advkit.errors import UsageError
from advkit.evaluate.album import untold
from advkit.models.channels import square_images
from advkit.models.classifier import Classifier
from advkit.models.specs import input_shape, load_model

ROBUST, STANDARD = "bundled:fashion-mnist-cnn-robust", "bundled:fashion-mnist-cnn"


class Setting(NamedTuple):
    """The settings that all picture commands have in common."""

    model: str | Classifier = ROBUST
    data: Data | None = None
    limit: int | None = None
    size: int | None = None
    """Side of the images in pixels, for nets that accept any."""
    arch: str | None = None
    device: str = "auto"
    seed: int = 0
    out: str | Path | None = None
    fresh: bool = False
    command: str = ""
    progress: Callable[..., None] = untold


def loaded(
    setting: Setting, sizes: Sequence[int] | None = ()
) -> tuple[Classifier, Samples | None, Sequence[int]]:
    """Return the model, the data if there are any, and the shape of an image."""
    device = pick_device(setting.device)
    spec = setting.model
    name = spec if isinstance(spec, str) else spec.name
    data = setting.data
    if data is None and name.startswith("bundled:"):
        data = own_data(name)
    shape = _shape(setting)
    if data is not None:
        samples, model = paired(spec, data, setting.limit, setting.arch, shape)
        return model.to(device), moved(samples, device), tuple(samples.x.shape[1:])
    sides = () if shape else _sides(name, setting, sizes)
    model = load_model(spec, arch=setting.arch) if isinstance(spec, str) else spec
    shape = shape or square_images(model, sides)
    return model.to(device), None, shape


def _shape(setting: Setting) -> tuple[int, ...] | None:
    """Return the input shape that the model declares, at the requested size."""
    spec, size = setting.model, setting.size
    shape = input_shape(spec) if isinstance(spec, str) else spec.shape
    return (shape[0], size, size) if size is not None and shape is not None else shape


def _sides(name: str, setting: Setting, sizes: Sequence[int] | None) -> Sequence[int]:
    sides = (setting.size,) if setting.size is not None else sizes
    if sides:
        return sides
    hint = "give --data imagefolder:DIR"
    if sides is not None:
        hint += ", or the side of its images in pixels: --size 32"
    raise UsageError(f"{name} does not say what images it takes", hint, code="E204")


def another(model: str | Classifier | None, setting: Setting) -> Classifier | None:
    """Return a further net, on the device of the first."""
    if model is None:
        return None
    found = load_model(model) if isinstance(model, str) else model
    return found.to(pick_device(setting.device))
