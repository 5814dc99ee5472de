"""Object segmentation from a saliency map: seeds, colour models, and a graph cut.

Simonyan et al. 2013 (arXiv:1312.6034), section 3.2; the weights of the cut are GrabCut's (Rother et
al. 2004), which the paper does not give.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import find_objects, gaussian_filter, label

from advkit.errors import InapplicableError
from advkit.insight.graph_cut import Bools, Floats, contrast_links, graph_cut

EIGHT = np.ones((3, 3), dtype=int)
SPREAD = 1e-4
"""Added to every colour's variance, which may be 0 (pixels are in [0, 1])."""


class Object(NamedTuple):
    """The segmented object of one image."""

    mask: Bools
    """(height, width)."""
    box: tuple[int, int, int, int]
    """top, left, bottom, right; the last two exclusive. Zeros if the mask is empty."""
    seeds: Bools
    """(2, height, width): the seeds of background and object."""
    note: str
    """A warning for the reader: similar colours on both sides, or an empty object."""


def segment(
    image: Floats,
    saliency: Floats,
    *,
    quantiles: tuple[float, float] = (0.30, 0.95),
    blur: float = 0.02,
    colours: int = 5,
    gamma: float = 0.125,
    hard: bool = False,
    seed: int = 0,
) -> Object:
    """Return the object that ``saliency`` (height, width) marks in ``image`` (h, w, channels).

    Pixels below the first of ``quantiles`` of the map are background seeds, those from the second
    on object seeds, after a blur by ``blur`` of the longer side, at least one pixel. A mixture of
    ``colours`` Gaussians is fitted to each, and the minimum cut is taken (`graph_cut`). The cost of
    the outline is ``gamma`` times the longer side, as the outline grows with the side and the
    colour terms with the area: GrabCut's 50 at 400 pixels. ``hard`` keeps seeds fixed. The largest
    connected part of the object is kept. Raises InapplicableError for a constant map.
    """
    smooth = gaussian_filter(np.abs(saliency).astype(float), max(blur * max(saliency.shape), 1.0))
    low, high = np.quantile(smooth, quantiles)
    seeds = np.stack([smooth <= low, smooth >= high])
    if smooth.max() - smooth.min() <= 1e-6 * smooth.max() or low >= high:
        raise InapplicableError("the map is flat: it marks no object", "try another method")
    cost = np.stack([-_likelihood(image, side, colours, seed) for side in seeds], axis=-1)
    if hard:
        for side in (0, 1):
            cost[seeds[side], 1 - side] = np.inf
    mask = largest(graph_cut(cost, contrast_links(image, gamma * max(image.shape[:2]))))
    return Object(mask, box_of(mask), seeds, _noted(mask, cost, seeds))


def _likelihood(image: Floats, seeds: Bools, colours: int, seed: int) -> Floats:
    """Return the log density of every pixel's colour among those of the seeds, (h, w)."""
    from sklearn.mixture import GaussianMixture  # imported here as it is slow

    known = image[seeds].reshape(int(seeds.sum()), -1)
    kinds = len(np.unique(known, axis=0))
    mixture = GaussianMixture(
        colours if kinds >= 2 * colours else 1, reg_covar=SPREAD, random_state=seed
    ).fit(known if len(known) > 1 else np.repeat(known, 2, axis=0))
    flat = image.reshape(-1, image.shape[-1])
    density: Floats = mixture.score_samples(flat).reshape(image.shape[:2])
    return density


def _noted(mask: Bools, cost: Floats, seeds: Bools) -> str:
    finite = np.where(np.isfinite(cost), cost, 0)
    sides = [float((finite[side, 0] - finite[side, 1]).mean()) for side in seeds]
    if not mask.any():
        return "no object: the colours of the object's seeds are likelier as background"
    if mask.all():
        return "everything: the colours of the background's seeds are likelier as object"
    if sides[1] - sides[0] < 0.5:
        return "ambiguous: the colours of object and background are alike"
    return ""


def largest(mask: Bools) -> Bools:
    """Return the largest connected part of a mask, with diagonal neighbours."""
    parts, count = label(mask, structure=EIGHT)
    if count == 0:
        return mask
    sizes = np.bincount(parts.ravel())[1:]
    found: Bools = parts == 1 + int(sizes.argmax())
    return found


def box_of(mask: Bools) -> tuple[int, int, int, int]:
    """Return the bounds of a mask: top, left, bottom, right; zeros if it is empty."""
    if not mask.any():
        return 0, 0, 0, 0
    down, across = find_objects(mask.astype(int))[0]
    return down.start, across.start, down.stop, across.stop


def overlap(mask: NDArray[np.bool_], truth: NDArray[np.bool_]) -> float:
    """Return intersection over union of two masks; NaN if both are empty."""
    union = (mask | truth).sum()
    return float((mask & truth).sum() / union) if union else float("nan")


def box_overlap(a: tuple[int, int, int, int], b: tuple[int, int, int, int]) -> float:
    """Return intersection over union of two boxes; NaN if both are empty."""
    height = max(min(a[2], b[2]) - max(a[0], b[0]), 0)
    width = max(min(a[3], b[3]) - max(a[1], b[1]), 0)
    sizes = [(box[2] - box[0]) * (box[3] - box[1]) for box in (a, b)]
    union = sum(sizes) - height * width
    return height * width / union if union else float("nan")
