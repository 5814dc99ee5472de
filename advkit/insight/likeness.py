"""Similarity of two images: PSNR and SSIM on the scale of the pixels."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from advkit.insight.graph_cut import Floats


def peak_signal_to_noise(a: Floats, b: Floats) -> float:
    """Return 10 log10(1 / mean squared difference) in decibels, for images in [0, 1]."""
    error = float(np.mean((a.astype(float) - b) ** 2))
    return float("inf") if error == 0 else float(-10 * np.log10(error))


def picture_ssim(a: Floats, b: Floats) -> float:
    """Return the mean SSIM of images (h, w, channels) in [0, 1], over positions and channels.

    Gaussian windows of deviation 1.5, range 1 (Wang et al. 2004). 1 for equal images.
    """
    return float(ssim_everywhere(a, b, _smooth, 1.0).mean())


def ssim_everywhere(
    a: Floats, b: Floats, mean: Callable[[Floats], Floats], span: float, unbiased: float = 1.0
) -> Floats:
    """Return the SSIM at every position (Wang et al. 2004), 1 where both are constant.

    ``mean`` averages over a window, variances are times ``unbiased``, values range over ``span``.
    """
    first, second = (0.01 * span) ** 2, (0.03 * span) ** 2
    mean_a, mean_b = mean(a), mean(b)
    var_a, var_b = unbiased * (mean(a * a) - mean_a**2), unbiased * (mean(b * b) - mean_b**2)
    both = unbiased * (mean(a * b) - mean_a * mean_b)
    above = (2 * mean_a * mean_b + first) * (2 * both + second)
    below = (mean_a**2 + mean_b**2 + first) * (var_a + var_b + second)
    return np.where(below > 0, above / np.where(below > 0, below, 1), 1.0)


def _smooth(x: Floats) -> NDArray[np.float64]:
    return np.asarray(gaussian_filter(x.astype(float), (1.5, 1.5, 0), truncate=3.5))
