"""A single image by name: a file, or one of the two photographs of scikit-learn."""

from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from advkit.data.photographs import open_picture
from advkit.errors import InputError, did_you_mean

SAMPLES = ("china", "flower")


def load_picture(name: str, channels: int, longest: int | None = None) -> Tensor:
    """Return the image (1, channels, h, w) in [0, 1]; its longer side is ``longest`` pixels.

    ``name`` is china, flower, or a file. One channel is grey. Without ``longest`` the size is
    unchanged. Raises InputError.
    """
    mode = "L" if channels == 1 else "RGB"
    picture = _sample(name, mode) if name in SAMPLES else _file(name, mode)
    if longest is not None:
        factor = longest / max(picture.size)
        size = tuple(max(round(side * factor), 1) for side in picture.size)
        picture = picture.resize((size[0], size[1]), Image.Resampling.BICUBIC)
    pixels = torch.from_numpy(np.array(picture, dtype=np.float32) / 255)
    return (pixels[None, None] if channels == 1 else pixels.permute(2, 0, 1)[None]).contiguous()


def _sample(name: str, mode: str) -> Image.Image:
    from sklearn.datasets import load_sample_image

    return Image.fromarray(load_sample_image(f"{name}.jpg")).convert(mode)


def _file(name: str, mode: str) -> Image.Image:
    path = Path(name)
    if not path.is_file():
        hint = f"a file; or {did_you_mean(name, SAMPLES)}"
        several = "repeat the option: --style a.jpg --style b.jpg"
        raise InputError(
            f"there is no picture {name}", several if "," in name else hint, code="E301"
        )
    return open_picture(path, mode)[0]
