"""How near one picture is to another: PSNR and SSIM on the scale of the pixels."""

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from advkit.insight.graph_cut import Floats

FIRST, SECOND = 0.01**2, 0.03**2


def peak_signal_to_noise(a: Floats, b: Floats) -> float:
    """Return 10 log10(1 / mean squared difference) in decibels, of pictures in [0, 1]."""
    error = float(np.mean((a.astype(float) - b) ** 2))
    return float("inf") if error == 0 else float(-10 * np.log10(error))


def picture_ssim(a: Floats, b: Floats) -> float:
    """Return the mean SSIM of pictures (h, w, channels) in [0, 1], over places and channels.

    Gaussian windows of deviation 1.5, range 1 (Wang et al. 2004). 1 for the same picture.
    """
    mean_a, mean_b = _smooth(a), _smooth(b)
    var_a, var_b = _smooth(a * a) - mean_a**2, _smooth(b * b) - mean_b**2
    both = _smooth(a * b) - mean_a * mean_b
    above = (2 * mean_a * mean_b + FIRST) * (2 * both + SECOND)
    below = (mean_a**2 + mean_b**2 + FIRST) * (var_a + var_b + SECOND)
    return float((above / below).mean())


def _smooth(x: Floats) -> NDArray[np.float64]:
    return np.asarray(gaussian_filter(x.astype(float), (1.5, 1.5, 0), truncate=3.5))
