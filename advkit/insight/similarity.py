"""Similarity of two maps, concentration of one, and its overlap with a perturbation."""

from functools import partial

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.ndimage import sobel, uniform_filter

from advkit.insight.graph_cut import Floats
from advkit.insight.likeness import ssim_everywhere


def spearman(a: Floats, b: Floats) -> float:
    """Return the rank correlation of two maps of one shape; NaN if one is constant."""
    return correlation(_ranks(a), _ranks(b))


def _ranks(a: Floats) -> Floats:
    ranks = pd.Series(a.ravel()).rank()  # scipy.stats takes a second to import
    return np.asarray(ranks, dtype=np.float64)


def correlation(a: Floats, b: Floats) -> float:
    """Return Pearson's correlation; NaN if one is constant."""
    a, b = a.ravel() - a.mean(), b.ravel() - b.mean()
    size = np.sqrt((a @ a) * (b @ b))
    return float(a @ b / size) if size > 0 else float("nan")


def structural_similarity(a: Floats, b: Floats, window: int = 7) -> float:
    """Return the mean SSIM of two maps, each divided by its own largest |value| (Wang et al. 2004).

    Uniform windows, sample variances, constants 0.01 and 0.03 of the range of both.
    """
    a, b = (each / max(np.abs(each).max(), 1e-12) for each in (a.astype(float), b.astype(float)))
    window = min(window, *a.shape)
    count = window**2
    unbiased = count / max(count - 1, 1)
    span = max(a.max(), b.max()) - min(a.min(), b.min())
    ratio = ssim_everywhere(a, b, partial(uniform_filter, size=window), span, unbiased)
    edge = (window - 1) // 2
    inner = tuple(slice(edge, size - edge) for size in a.shape)
    return float(ratio[inner].mean())


def top_overlap(a: Floats, b: Floats, share: float = 0.1) -> float:
    """Return the share of the top ``share`` of pixels of one map that is also top in the other."""
    first, second = top(a, share), top(b, share)
    return float((first & second).sum() / max(first.sum(), 1))


def top(saliency: Floats, share: float) -> NDArray[np.bool_]:
    """Return the top ``share`` of pixels, at least one; ties by position."""
    count = max(round(share * saliency.size), 1)
    mask = np.zeros(saliency.size, dtype=bool)
    mask[descending(saliency)[:count]] = True
    return mask.reshape(saliency.shape)


def descending(saliency: Floats) -> NDArray[np.int64]:
    """Return the positions of a map in descending order of value; ties by position."""
    return np.argsort(-saliency.ravel(), kind="stable")


def concentration(saliency: Floats) -> float:
    """Return the Gini index of |map|: 0 for a constant map, near 1 if few pixels have it all.

    Hurley and Rickard 2009. NaN for a map that is 0.
    """
    values = np.sort(np.abs(saliency.ravel()).astype(float))
    total = values.sum()
    if total == 0:
        return float("nan")
    n = len(values)
    weights = n - np.arange(1, n + 1) + 0.5
    return float(1 - 2 * (values * weights).sum() / (n * total))


def change_within(delta: Floats, saliency: Floats, share: float = 0.1) -> float:
    """Return how much of a perturbation falls on the top ``share`` of a map, relative to chance.

    ``delta`` (height, width) is the change of each pixel. 1: as much as elsewhere; NaN if nothing
    was changed.
    """
    marked, size = top(saliency, share), np.abs(delta).astype(float)
    total = size.sum()
    return float(size[marked].sum() / total / marked.mean()) if total else float("nan")


def edges(image: Floats) -> Floats:
    """Return the magnitude of the Sobel gradient of an image (height, width, channels).

    A control without model: a method with similar maps may show the image, not the net.
    """
    grey = image.mean(-1)
    return np.asarray(np.hypot(sobel(grey, 0), sobel(grey, 1)))
