"""Error messages for a model that fails on the given samples."""

import re

import torch
from torch import Tensor

from advkit.errors import InputError
from advkit.models.channels import CHANNELS
from advkit.models.classifier import Classifier
from advkit.models.user_code import told
from advkit.numbers import several

SIZES = (8, 16, 28, 32, 64, 96, 128, 160, 192, 224, 256, 299, 384, 512)


def misfit(classifier: Classifier, x: Tensor, error: Exception) -> InputError:
    """Return the InputError that explains ``error``, which the model raised for ``x``."""
    data, name = _dims(x), classifier.name
    channels = CHANNELS.search(str(error))
    if channels:
        return _other_channels(name, x, *map(int, channels.groups()))
    size = _accepted(classifier, x)
    if size:
        last = x.ndim == 4 and size == (*x.shape[2:], x.shape[1])
        how = ': --preprocess FILE.toml with layout = "hwc" in it' if last else _to_size(size)
        return InputError(
            f"the model {name} cannot take images of {data}",
            f"it accepts {' x '.join(map(str, size))}{how}",
            code="E305",
        )
    matrix = re.search(
        r"mat1 and mat2 shapes cannot be multiplied \(\d+x(\d+) and (\d+)x", str(error)
    )
    if matrix:
        got, wanted = map(int, matrix.groups())
        return InputError(
            f"the model {name} expects {wanted} numbers per sample where the data gives {got} "
            f"(samples {data})",
            "give data of the size that the model was trained on",
            code="E305",
        )
    axes = re.search(r"or (\d)D \(batched\)", str(error))
    if axes:
        return _other_axes(name, x, int(axes.group(1)) - 1)
    hint = _hint(str(error)) or (
        f"it must take {len(x)} samples at once, and any other number: no fixed batch size"
    )
    return InputError(f"the model {name} fails on inputs of {data}: {told(error)}", hint)


def _other_channels(name: str, x: Tensor, wanted: int, got: int) -> InputError:
    """Return the error of a convolution for ``wanted`` channels that got ``got``."""
    hint = "give data with as many channels, or a model for this data"
    has = f"the data has {got} (images {_dims(x)})"
    if x.ndim < 4 and got != x.shape[1]:
        hint = "channels come first, (n, channels, ...): where there is but one, x[:, None]"
        has = f"the data has no channels (samples {_dims(x)})"
    elif got != x.shape[1]:
        hint = "images come as (n, channels, height, width): permute no axes in forward()"
        has = f"a convolution is given {got} (images {_dims(x)})"
    return InputError(f"the model {name} expects {several(wanted, 'channel')}, {has}", hint,
                      code="E305")  # fmt: skip


def _other_axes(name: str, x: Tensor, wanted: int) -> InputError:
    """Return the error of a net for samples of ``wanted`` dimensions, which ``x`` does not have."""
    axes = {3: "(n, channels, height, width)", 2: "(n, channels, time)"}.get(wanted, "its axes")
    hint = f"give the samples as {axes}"
    if x.ndim > wanted:
        hint += "; arrays of an npz file are taken as they lie with ?layout=as_is"
    told = f"the model {name} takes samples of {wanted} axes, channels first; the data has "
    return InputError(f"{told}{_dims(x)}", hint, code="E305")


def _hint(error: str) -> str:
    """Return a hint for errors of torch with a misleading message."""
    if "scalar types: Long, Int" in error or "dtype torch.int" in error:
        return (
            "it takes whole numbers, such as tokens; attacks change numbers from 0 to 1: give the "
            "part of the model behind the embedding"
        )
    if any(word in error for word in ("NVIDIA", "with CUDA", "on the same device")):
        return "let forward() follow its input, x.device, and name no device"
    return ""


def _accepted(classifier: Classifier, x: Tensor) -> tuple[int, ...] | None:
    """Return a size that the model accepts, found by trial with the same channels."""
    shapes = [classifier.shape] if classifier.shape else []
    if x.ndim == 4:
        shapes += [(x.shape[1], size, size) for size in SIZES]
    for shape in shapes:
        try:
            with torch.no_grad():
                classifier(torch.full((1, *shape), 0.5, dtype=x.dtype, device=x.device))
        except Exception:  # noqa: S112
            continue
        return shape
    return None


def _to_size(shape: tuple[int, ...]) -> str:
    """Return how to resize images to ``shape``, if a spec can."""
    square = len(shape) == 3 and shape[1] == shape[2]
    return f"; files of pictures are scaled by ?size={shape[1]}" if square else ""


def _dims(x: Tensor) -> str:
    return " x ".join(map(str, x.shape[1:]))
