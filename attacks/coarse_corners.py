"""PGD from corners of the ball that are constant within cells, selected by scores."""

from collections.abc import Sequence
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from advkit.attacks.square_windows import Windows, recolour
from advkit.attacks.walks import Found, margins_of, radii, repeated, strongest_point
from advkit.engine import NORMS, rows, take
from advkit.engine.objectives import LOSSES, Model
from advkit.engine.rules import annealed, ball, within
from advkit.engine.seeding import keys, signs, uniform

CELLS = 14  # along each side of an image
FRESH = 5  # random corners, before the best of them is changed
WINDOW = (0.3, 0.1)  # share of the cells that is changed at once, in the first and the last query


def coarse_pgd(
    model: Model,
    x: Tensor,
    y: Tensor,
    *,
    eps: float | Tensor,
    norm: Literal["Linf", "L2"] = "Linf",
    targets: Tensor | None = None,
    seed: int = 0,
    ids: Sequence[str] | None = None,
    steps: int = 20,
    step: float = 1.0,
    loss: Literal["ce", "dlr", "margin", "probability"] = "margin",
    restarts: int = 3,
    queries: int = 40,
) -> Tensor:
    """Return the best of ``steps`` + 1 iterates per restart from coarse corners (of this project).

    A corner is a point at full distance, with one sign for each of 14 x 14 cells of each channel
    (if the input is not an image: for each of 14 segments). ``queries`` corners are tried before
    each run: 5 with random signs, then the best so far with all cells in a window set to one sign,
    as in Square. From the best corner, steps along the gradient fall from ``step`` times ``eps`` to
    zero by a cosine. On nets that were trained against single-step attacks, gradients near the
    image and its noise can lead nowhere, although runs from coarse patterns reach adversarial
    examples.

    Knows: gradients
    Cost: restarts * (queries + steps + 1) forward, restarts * steps backward
    Use: many cheap runs from different places, where other white-box attacks agree too soon.
    Fails: alone it is weaker than `apgd`: its runs are short.
    Paper: none, it is of this project; compare Andriushchenko et al. 2020, arXiv:1912.00049
    """
    if not len(x):
        return x
    whole = Place(x, y, radii(eps, x), keys(seed, ids, x, "coarse_pgd"), targets)
    objective, geometry = LOSSES[loss](model, y, targets), NORMS[norm]

    def walk(index: Tensor, restart: int) -> Found:
        place = take(whole, index)
        start = searched(model, place, norm, restart, queries)
        moves = annealed(geometry.steepest, step * place.radius, steps)
        rule = within(moves, ball(geometry, place.x, place.radius))
        return strongest_point(take(objective, index), start, rule, steps, place.y, place.targets)

    return repeated(walk, x, restarts).x


class Place(NamedTuple):
    """The set of corners to search, one row per sample."""

    x: Tensor
    y: Tensor
    radius: Tensor
    stream: Tensor
    targets: Tensor | None


def searched(model: Model, place: Place, norm: str, number: int, queries: int) -> Tensor:
    """Return the corner of highest margin among ``queries``; ends at the first that fools."""
    shape = grid(place.x)
    half = place.x.new_full((len(place.x), *shape), 0.5)
    draws = uniform(place.stream, (queries, 5 + shape[0]), (1 << 20) + number)
    cells, top = half.clone(), place.x.new_full((len(half),), -torch.inf)
    for i in range(queries):
        left = (~(top > 0)).nonzero().squeeze(1)
        if not len(left):
            break
        x, y, radius, stream, targets = take(place, left)
        if i < FRESH:
            tried = (signs(stream, shape, number * FRESH + i) > 0).to(x.dtype)
        else:
            share = WINDOW[0] + (WINDOW[1] - WINDOW[0]) * i / queries
            windows = Windows.of(half.shape, share, "Linf")
            tried = recolour(cells[left], half[left], half[left, 0, 0, 0], windows, draws[left, i])
        reached = margins_of(model, corner(norm, tried, x, radius), y, targets)
        better = reached > top[left]
        cells[left[better]], top[left[better]] = tried[better], reached[better].to(top.dtype)
    return corner(norm, cells, place.x, place.radius)


def grid(x: Tensor) -> tuple[int, int, int]:
    """Return the number of channels, and of cells down and across, for ``x`` (n, ...).

    Images are (n, ..., height, width); samples of fewer dimensions are cut along the last.
    """
    height, width = x.shape[-2:] if x.ndim > 2 else (1, x.shape[-1])
    down, across = (-(-side // -(-side // CELLS)) for side in (height, width))
    return x[0].numel() // (height * width), down, across


def corner(norm: str, cells: Tensor, x: Tensor, radius: Tensor) -> Tensor:
    """Return the point of the ball's surface within the box that the ``cells`` of `grid` describe.

    0 is darker and 1 is lighter; values between change the image less.
    """
    away = 2 * cells - 1
    for side in range(1 if x.ndim < 3 else 2):
        length = x.shape[-1 - side]
        at = torch.arange(length, device=x.device) // -(-length // CELLS)
        away = away.index_select(-1 - side, at)
    geometry = NORMS[norm]
    away = rows(radius, x) * geometry.steepest(away.reshape(x.shape))
    return geometry.confine(x + away, x, radius)
