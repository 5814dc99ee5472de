"""Images parameterised by their spectrum in uncorrelated colours, for better optimised images.

All frequencies, and all colours of natural images, then change at a similar rate (Olah et al.
2017).
"""

from collections.abc import Callable

import torch
from torch import Tensor

from advkit.engine.gradient import Objective
from advkit.engine.seeding import normal

COLOURS = ((0.26, 0.09, 0.02), (0.27, 0.0, -0.05), (0.27, -0.09, 0.03))
"""Square root of the covariance of colours on ImageNet; rows are red, green, blue."""


def colour_matrix(like: Tensor) -> Tensor:
    """Return the matrix (3, 3) from uncorrelated colours to RGB; the longest column has size 1."""
    matrix = torch.tensor(COLOURS, dtype=like.dtype, device=like.device)
    longest: Tensor = torch.linalg.vector_norm(matrix, dim=0).max()
    return matrix / longest


def frequencies(height: int, width: int, like: Tensor) -> Tensor:
    """Return the magnitude of the frequency of every coefficient, (height, width // 2 + 1)."""
    down = torch.fft.fftfreq(height, dtype=like.dtype, device=like.device)[:, None]
    return torch.hypot(down, torch.fft.rfftfreq(width, dtype=like.dtype, device=like.device))


def spectrum_noise(keys: Tensor, shape: tuple[int, ...], size: float = 0.01) -> Tensor:
    """Return normal coefficients (n, c, h, w // 2 + 1, 2), float32, of images of ``shape``."""
    channels, height, width = shape
    return size * normal(keys, (channels, height, width // 2 + 1, 2)).float()


def image_of(spectrum: Tensor, width: int, centre: Tensor | float = 0.0) -> Tensor:
    """Return the images (n, c, h, ``width``) in (0, 1) of coefficients (n, c, h, w // 2 + 1, 2).

    Coefficients are divided by their frequency. If all are 0 the image is the sigmoid of
    ``centre``, (1, c, 1, 1): mid-grey.
    """
    height = spectrum.shape[2]
    slow = 1 / max(height, width)
    weight = (height * width) ** 0.5 / frequencies(height, width, spectrum).clamp_min(slow)
    pixels = torch.fft.irfft2(torch.view_as_complex(spectrum) * weight, s=(height, width)) / 4
    if pixels.shape[1] == 3:
        matrix = colour_matrix(pixels)
        red, green, blue = ((pixels * row.view(1, 3, 1, 1)).sum(1, keepdim=True) for row in matrix)
        pixels = torch.cat([red, green, blue], 1)
    return torch.sigmoid(pixels + centre)


def changes_of(image: Tensor, reach: float = 0.1) -> tuple[Callable[[Tensor], Tensor], Tensor]:
    """Return images as a function of a spectrum of changes, and the spectrum that is ``image``.

    (n, c, h, w) <- (n, c, h, w // 2 + 1, 2), clipped to the box. The sigmoid extends ``reach``
    beyond it, so that it is not flat at black and white. Low frequencies weigh more, which roughly
    preconditions a quasi-Newton search by the spectrum of natural images.
    """
    height, width = image.shape[2:]
    slow = 1 / max(height, width)
    weight = (height * width) ** 0.5 / 2 / frequencies(height, width, image).clamp_min(slow)
    centre = ((image + reach) / (1 + 2 * reach)).clamp(0.02, 0.98).logit()

    def whole(z: Tensor) -> Tensor:
        change = torch.fft.irfft2(torch.view_as_complex(z) * weight, s=(height, width))
        wide = (1 + 2 * reach) * torch.sigmoid(change + centre) - reach
        return wide.clamp(0, 1)

    return whole, image.new_zeros(*image.shape[:3], width // 2 + 1, 2)


def seen_through(objective: Objective, image: Callable[[Tensor], Tensor]) -> Objective:
    """Return ``objective`` as a function of the parameters from which ``image`` makes images."""
    return Objective(lambda z, *fixed: objective.function(image(z), *fixed), objective.fixed)
