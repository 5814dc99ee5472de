"""The exact minimum-cost labelling of pixels as object or background, by a minimum cut."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import breadth_first_order, maximum_flow

from advkit.errors import InputError

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
NEIGHBOURS = ((0, 1, 1.0), (1, 0, 1.0), (1, 1, 2**0.5), (1, -1, 2**0.5))
FINEST, LARGEST = 1000.0, 2**28
"""scipy's maximum flow takes integers: costs are counted in thousandths, or coarser if large."""


def graph_cut(cost: Floats, links: list[Floats]) -> Bools:
    """Return which pixels are object, (height, width), at the least total cost.

    ``cost`` (height, width, 2) is the cost in nats of labelling a pixel background (0) or object
    (1); infinity forbids it. ``links`` are the costs if a pixel and its neighbour differ: one array
    (height, width) for each of right, below, below right, below left (`contrast_links`). Exact up
    to rounding to a thousandth (Boykov and Jolly 2001; the flow is Dinic's). Raises InputError for
    NaN.
    """
    height, width = cost.shape[:2]
    if np.isnan(cost).any() or (cost == np.inf).all(2).any():
        raise InputError("a pixel can be neither object nor background", "give finite costs")
    least = cost - cost.min(2, keepdims=True)
    least = np.minimum(
        least, 1 + _total(least, links)
    )  # no cut costs more, so that it serves as infinity
    scale = min(FINEST, LARGEST / max(least.max(), 1e-9))
    count = height * width
    source, sink = count, count + 1
    pixels = np.arange(count)
    begin, end, size = _edges(height, width, links)
    begin = np.concatenate([begin, end, np.full(count, source), pixels])
    end = np.concatenate([end, begin[: len(end)], pixels, np.full(count, sink)])
    size = np.concatenate([size, size, least[..., 0].ravel(), least[..., 1].ravel()])
    whole = np.rint(size * scale).astype(np.int32)
    shape = (count + 2, count + 2)
    capacity = coo_array((whole, (begin, end)), shape=shape).tocsr()
    flow = maximum_flow(capacity, source, sink).flow
    left = capacity - flow
    left.data = np.maximum(left.data, 0)
    left.eliminate_zeros()
    reached = breadth_first_order(left, source, return_predecessors=False)
    mask = np.zeros(count + 2, dtype=bool)
    mask[reached] = True
    return mask[:count].reshape(height, width)


def _total(least: Floats, links: list[Floats]) -> float:
    """Return an upper bound on the cost of every allowed cut."""
    finite = np.where(np.isfinite(least), least, 0)
    return float(finite.max(2).sum() + 2 * sum(np.abs(link).sum() for link in links))


def _edges(height: int, width: int, links: list[Floats]) -> tuple[NDArray[np.int64], ...]:
    at = np.arange(height * width).reshape(height, width)
    parts: list[tuple[NDArray[np.int64], NDArray[np.int64], Floats]] = []
    for (down, across, _), link in zip(NEIGHBOURS, links, strict=True):
        here, there = _pair(at, down, across)
        parts.append((here.ravel(), there.ravel(), _pair(link, down, across)[0].ravel()))
    begin, end, size = (np.concatenate(column) for column in zip(*parts, strict=True))
    return begin, end, size


def _pair(grid: NDArray[Any], down: int, across: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return the pixels that have a neighbour in this direction, and these neighbours."""
    height, width = grid.shape[:2]
    rows = slice(0, height - down), slice(down, height)
    left, right = (
        slice(max(-across, 0), width - max(across, 0)),
        slice(max(across, 0), width + min(across, 0)),
    )
    return grid[rows[0], left], grid[rows[1], right]


def contrast_links(image: Floats, gamma: float) -> list[Floats]:
    """Return links that are cheap to cut where ``image`` (height, width, channels) changes.

    gamma exp(-beta |difference|^2) / distance, beta = 1 / (2 mean |difference|^2) over all
    neighbours (Rother et al. 2004); beta is 0 for a constant image. Rows or columns without a
    neighbour in that direction are 0.
    """
    squares = []
    for down, across, _ in NEIGHBOURS:
        here, there = _pair(image, down, across)
        squares.append(((here - there) ** 2).sum(-1))
    count = sum(each.size for each in squares)
    mean = sum(each.sum() for each in squares) / count if count else 0.0
    beta = 1 / (2 * mean) if mean > 0 else 0.0
    links = []
    for (down, across, distance), square in zip(NEIGHBOURS, squares, strict=True):
        link = np.zeros(image.shape[:2])
        _pair(link, down, across)[0][...] = gamma * np.exp(-beta * square) / distance
        links.append(link)
    return links
