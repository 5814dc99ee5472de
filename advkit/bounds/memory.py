"""Number of rows of coefficients processed at once."""

from collections.abc import Iterator

import torch
from torch import Tensor

from advkit.bounds.affine import Affine
from advkit.bounds.convolutions import grown
from advkit.bounds.curves import Curve
from advkit.bounds.max_pooling import Highest, sizes_of
from advkit.bounds.patches import covers
from advkit.bounds.tracing import Graph, Step
from advkit.models.classifier import LEAST, ROWS

MEMORY = 1 << 22
"""Maximum bytes of the coefficients of one map: more would leave the cache."""


def chunks(count: int, width: int) -> Iterator[slice]:
    """Yield slices of ``count`` rows of ``width`` entries, each small enough for `MEMORY`."""
    size = max(MEMORY // (4 * width) // ROWS * ROWS, LEAST)
    yield from (slice(at, min(at + size, count)) for at in range(0, count, size))


def padded(rows: Tensor) -> Tensor:
    """Return ``rows`` (m, ...) with the last one repeated to a batch-invariant number of rows.

    See `advkit.models.classifier`: a row must not depend on the rows beside it.
    """
    spare = max(-len(rows) % ROWS, LEAST - len(rows)) if len(rows) else 0
    return torch.cat([rows, rows[-1:].expand(spare, *rows.shape[1:])]) if spare else rows


def widest(graph: Graph, place: int) -> int:
    """Return the size of the largest receptive field of a neuron of step ``place`` in any map."""
    return max(spans(graph, place))


def spans(graph: Graph, place: int) -> list[int]:
    """Return the size of the receptive field of a neuron of step ``place`` in every earlier map."""
    windows: dict[int, tuple[int, ...] | None] = {}
    windows[place] = (1, 1) if len(graph[place].shape) == 3 else None
    found = []
    for at in range(place, -1, -1):
        if at not in windows:
            continue
        window, shape = windows[at], graph[at].shape
        if window is not None and covers(window, shape):
            window = None
        found.append(torch.Size(shape if window is None else (shape[0], *window)).numel())
        for source in graph[at].inputs:
            windows[source] = _larger(_before(graph[at], window), windows.get(source, (0, 0)))
    return found


def _before(step: Step, window: tuple[int, ...] | None) -> tuple[int, ...] | None:
    """Return the size of a ``window`` before ``step``; None is the whole map."""
    if window is None or isinstance(step.rule, Curve):
        return window
    if isinstance(step.rule, Highest):
        kernel, stride, _, gap = sizes_of(step.rule.pool)
        return None if max(gap) > 1 else grown(window, stride, kernel)
    assert isinstance(step.rule, Affine)  # noqa: S101
    if step.rule.window is None:
        return None
    return grown(window, step.rule.window.stride, step.rule.window.reach)


def _larger(one: tuple[int, ...] | None, other: tuple[int, ...] | None) -> tuple[int, ...] | None:
    if one is None or other is None:
        return None
    return tuple(map(max, one, other))
