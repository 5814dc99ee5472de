"""Rotations and translations of the image, searched over a grid."""

from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from advkit.attacks.minimum import enough, within
from advkit.attacks.severity import Bracket, Quest, clean, halve, update
from advkit.engine.objectives import Model
from advkit.engine.transforms import as_images, move


def rotation_translation(
    model: Model,
    x: Tensor,
    y: Tensor,
    *,
    eps: float | Tensor | None = None,
    norm: Literal["L2", "Linf", "L1"] = "L2",
    targets: Tensor | None = None,
    seed: int = 0,
    ids: Sequence[str] | None = None,
    degrees: float = 30.0,
    shift: float = 0.1,
    angles: int = 15,
    shifts: int = 2,
    bisections: int = 10,
    edge: Literal["zeros", "border", "reflection"] = "zeros",
) -> Tensor:
    """Return the nearest adversarial image in a grid of turns and shifts (Engstrom et al. 2019).

    The grid has ``angles`` steps to each side up to ``degrees``, and ``shifts`` steps in each
    direction up to a share ``shift`` of height and width. The image is rotated, then shifted, by
    one bilinear interpolation. The grid is queried in the order of distance, so that the first
    image that fools is the nearest; what lies beyond ``eps`` is not queried. Without ``eps``,
    rotation and shift of this image are then reduced together by ``bisections`` halvings, at
    additional passes. ``edge`` says what fills in from beyond the frame. Signals, i.e. rows one
    pixel high, are only shifted: all places of the grid lie along them. (The paper keeps the worst
    of the grid.)

    Knows: scores
    Cost: (2 * angles + 1) * (2 * shifts + 1) * (2 * shifts + 1) forward, 0 backward
    Use: what no norm captures: a net robust within ``eps`` may fall to a small rotation.
    Fails: on nets trained with rotations and shifts; with small ``eps``, where no rotation fits.
    Paper: Engstrom et al. 2019, arXiv:1712.02779
    """
    if not len(x):
        return x
    images = as_images(x)
    poses = _poses(images, degrees, shift, angles, shifts)

    def moved(which: Tensor, pose: Tensor) -> Tensor:
        turn, down, right = pose.unbind(1)
        found = move(images[which], degrees=turn, down=down, right=right, edge=edge)
        return found.clamp(0, 1).reshape(-1, *x.shape[1:])

    quest, stop = Quest(model, x, y, targets, norm), enough(eps, x)
    begun = clean(quest)
    which = (~(begun.distance <= stop)).nonzero().squeeze(1)
    if not len(which):
        return x
    limit = torch.full_like(stop, torch.inf) if eps is None else stop
    first = _first_fooling(quest, moved, poses, which, limit[which])
    chosen = poses.new_zeros(len(x), 3).index_put((which,), first.pose)

    def shrunk(which: Tensor, severity: Tensor) -> Tensor:
        return moved(which, severity[:, None] * chosen[which])

    whole = torch.where(first.distance.isfinite(), 1.0, torch.inf).to(x.dtype)
    bracket = Bracket(torch.zeros_like(whole), whole, first.distance)
    if eps is None:
        bracket = halve(quest, shrunk, which, bracket, bisections)
    return within(update(quest, shrunk, begun, which, bracket.high), x, eps)


class _First(NamedTuple):
    pose: Tensor
    distance: Tensor


def _first_fooling(
    quest: Quest,
    moved: Callable[[Tensor, Tensor], Tensor],
    poses: Tensor,
    which: Tensor,
    limit: Tensor,
) -> _First:
    """Return the nearest fooling pose (m, 3) of every sample, its distance or infinity (m,)."""
    sizes = [quest.size(which, moved(which, pose.expand(len(which), 3))) for pose in poses]
    distance, order = torch.stack(sizes, 1).sort(dim=1, stable=True)
    first = _First(poses.new_zeros(len(which), 3), torch.full_like(limit, torch.inf))
    for rank in range(len(poses)):
        open_ = first.distance.isinf() & (distance[:, rank] <= limit)
        left = open_.nonzero().squeeze(1)
        if not len(left):
            break
        pose, some = poses[order[left, rank]], which[left]
        held = quest.fools(some, moved(some, pose), limit[left])
        hit = (left[held],)
        first = _First(
            first.pose.index_put(hit, pose[held]),
            first.distance.index_put(hit, distance[left, rank][held]),
        )
    return first


def _poses(images: Tensor, degrees: float, shift: float, angles: int, shifts: int) -> Tensor:
    """Return the grid without its centre, (k, 3): degrees, pixels down, pixels to the right."""
    height, width = images.shape[2:]

    def steps(count: int, most: float) -> Tensor:
        return torch.arange(-count, count + 1).to(images) * (most / max(count, 1))

    if height == 1:
        places = (2 * angles + 1) * (2 * shifts + 1) ** 2
        axes = steps(0, 0), steps(0, 0), steps(places // 2, shift * width)
    else:
        axes = (
            steps(angles, degrees),
            steps(shifts, shift * height),
            steps(shifts, shift * width),
        )
    grid = torch.cartesian_prod(*axes)
    middle = len(grid) // 2
    return torch.cat([grid[:middle], grid[middle + 1 :]])
