"""Codes of many images in the plane (t-SNE), and statistics that do not depend on the plot."""

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist

from advkit.errors import InputError

Floats = NDArray[np.floating[Any]]
MOST = 50
"""Principal components that t-SNE and the probe are given."""


class Embedding(NamedTuple):
    """Positions of the codes in the plane, and parameters of the embedding."""

    places: NDArray[np.float64]
    """(n, 2), each axis within [0, 1]."""
    settings: dict[str, Any]
    divergence: float
    """Kullback-Leibler divergence between the affinities of codes and positions, after the last
    step."""


def tsne(codes: Floats, *, perplexity: float = 30.0, seed: int = 0) -> Embedding:
    """Return the t-SNE embedding of ``codes`` (n, d) (van der Maaten and Hinton 2008).

    PCA to 50, start at the first two components, early exaggeration 12 for 250 steps of 1000, rate
    max(n / 48, 50). The perplexity is at most (n - 1) / 3. Raises InputError for fewer than 5.
    """
    from sklearn.manifold import TSNE

    n = len(codes)
    if n < 5:
        raise InputError(f"{n} images are too few for an embedding", "give 5 or more", code="E316")
    most = min(perplexity, (n - 1) / 3)
    few = reduced(codes, MOST)
    rate = max(n / 48, 50.0)
    solver = TSNE(2, perplexity=most, init="pca" if few.shape[1] > 1 else "random",
                  learning_rate=rate, early_exaggeration=12, max_iter=1000, random_state=seed,
                  method="exact" if n < 300 else "barnes_hut")  # fmt: skip
    found = solver.fit_transform(few)
    settings = {"perplexity": round(most, 3), "PCA to": few.shape[1], "start": "PCA",
                "early exaggeration": 12, "learning rate": round(rate, 2), "steps": 1000,
                "seed": seed, "n": n}  # fmt: skip
    return Embedding(squared(found), settings, float(solver.kl_divergence_))


def reduced(codes: Floats, dimensions: int) -> Floats:
    """Return the first principal components of ``codes`` (n, d), at most ``dimensions``."""
    flat = codes.reshape(len(codes), -1).astype(np.float64)
    flat = np.asarray(flat - flat.mean(0))
    if min(flat.shape) <= 1 or flat.shape[1] <= dimensions:
        return flat
    left, sizes, _ = np.linalg.svd(flat, full_matrices=False)
    return np.asarray((left * sizes)[:, :dimensions])


def squared(places: Floats) -> NDArray[np.float64]:
    """Return ``places`` (n, 2) within [0, 1], with the same scale for both axes."""
    low, high = places.min(0), places.max(0)
    middle, span = (low + high) / 2, float((high - low).max()) or 1.0
    return np.asarray((places - middle) / span + 0.5, dtype=np.float64)


def conditional(codes: Floats, perplexity: float) -> NDArray[np.float64]:
    """Return the affinities p(j | i), (n, n): each row's entropy is log(perplexity).

    By bisection of each row's width.
    """
    squares = cdist(codes, codes, "sqeuclidean")
    np.fill_diagonal(squares, np.inf)
    squares = squares / np.median(squares[np.isfinite(squares)])
    found = np.zeros(squares.shape)
    for i, row in enumerate(squares):
        low, high, beta = 0.0, math.inf, 1.0
        for _ in range(200):
            weights = np.exp(-beta * (row - row.min()))
            p = weights / weights.sum()
            entropy = -(p[p > 0] * np.log(p[p > 0])).sum()
            if abs(entropy - math.log(perplexity)) < 1e-9:
                break
            low, high = (beta, high) if entropy > math.log(perplexity) else (low, beta)
            beta = 2 * beta if math.isinf(high) else (low + high) / 2
        found[i] = p
    return found


def affinities(codes: Floats, perplexity: float) -> NDArray[np.float64]:
    """Return the symmetric affinities of t-SNE, (n, n), which sum to 1."""
    p = conditional(codes, perplexity)
    return np.asarray((p + p.T) / (2 * len(p)))


def divergence(p: Floats, places: Floats) -> tuple[float, NDArray[np.float64]]:
    """Return KL(P | Q) of ``places`` (n, 2), and its gradient, (n, 2)."""
    near = 1 / (1 + cdist(places, places, "sqeuclidean"))
    np.fill_diagonal(near, 0)
    q = near / near.sum()
    some = p > 0
    value = float((p[some] * np.log(p[some] / np.maximum(q[some], 1e-300))).sum())
    pull = (p - q) * near
    return value, np.asarray(4 * (pull.sum(1)[:, None] * places - pull @ places))


def neighbour_purity(codes: Floats, labels: NDArray[np.int64], k: int = 10) -> float:
    """Return the mean share of the ``k`` nearest neighbours with the same label; ties by index."""
    flat = codes.reshape(len(codes), -1)
    apart = cdist(flat, flat)
    np.fill_diagonal(apart, np.inf)
    near = np.argsort(apart, axis=1, kind="stable")[:, : min(k, len(flat) - 1)]
    return float((labels[near] == labels[:, None]).mean())


class Probe(NamedTuple):
    """Accuracy of a linear classifier on codes of images that it was not fitted to."""

    right: int
    n: int
    folds: int


def linear_probe(codes: Floats, labels: NDArray[np.int64], seed: int = 0) -> Probe | None:
    """Return the held-out accuracy of a linear classifier on codes.

    Five fits, each without a fifth of the images; fewer if a class has fewer than five. Classes of
    one image are left out; None if fewer than two classes remain. Codes are reduced to 50 principal
    components of the fitted part, each of deviation 1.
    """
    from sklearn.decomposition import PCA
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedKFold, cross_val_predict
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    kept = np.bincount(labels)[labels] > 1
    codes, labels = codes[kept], labels[kept]
    classes, counts = np.unique(labels, return_counts=True)
    if len(classes) < 2:
        return None
    flat = codes.reshape(len(codes), -1).astype(np.float64)
    folds = min(5, int(counts.min()))
    few = min(MOST, flat.shape[1], len(flat) - len(flat) // folds - 1)
    model = make_pipeline(PCA(few, random_state=seed), StandardScaler(),
                          LogisticRegression(max_iter=2000))  # fmt: skip
    split = StratifiedKFold(folds, shuffle=True, random_state=seed)
    found = cross_val_predict(model, flat, labels, cv=split)
    return Probe(int((found == labels).sum()), len(labels), folds)


def grid_places(places: Floats) -> tuple[NDArray[np.int64], int]:
    """Return for each position (n, 2) its cell of a square grid, and the cells per side.

    The sum of squared distances is minimal.
    """
    side = math.ceil(math.sqrt(len(places)))
    across = (np.arange(side) + 0.5) / side
    cells = np.stack(np.meshgrid(across, across), -1).reshape(-1, 2)
    _, cell = linear_sum_assignment(cdist(places, cells, "sqeuclidean"))
    return np.asarray(cell), side
