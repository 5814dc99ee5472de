"""Patch: one small image that fools wherever it is placed."""

from collections.abc import Sequence
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from advkit.attacks.walks import Found, radii, repeated
from advkit.engine import NORMS, Objective, evaluate, rows
from advkit.engine.objectives import Model, margin
from advkit.engine.rules import cosine
from advkit.engine.seeding import keys, uniform
from advkit.engine.transforms import as_images, sample_at, seen_from

SMALLEST = 0.8  # a patch is placed at a size between this share of its own and its own


class Place(NamedTuple):
    """Position of a patch on its image, seen from the pixels: (n, height, width) each.

    ``down`` and ``right`` are from the middle of the patch, in units of its height and width.
    """

    down: Tensor
    right: Tensor

    @property
    def covered(self) -> Tensor:
        """Return which pixels the patch covers, (n, 1, height, width)."""
        return ((self.down.abs() < 0.5) & (self.right.abs() < 0.5))[:, None]


def patch(
    model: Model,
    x: Tensor,
    y: Tensor,
    *,
    eps: float | Tensor,
    norm: Literal["L0"] = "L0",
    targets: Tensor | None = None,
    seed: int = 0,
    ids: Sequence[str] | None = None,
    steps: int = 100,
    step: float = 0.1,
    draws: int = 5,
    degrees: float = 20.0,
) -> Tensor:
    """Return the samples with one patch on all, each at its own place (Brown et al. 2017).

    ``eps`` is how many entries a patch may cover: its sides are the root of this number over the
    channels. The patch is learnt on these very samples (`learn_patch`), then placed at the best of
    ``draws`` random places. Every result depends on the whole set. Inputs that are not images are
    treated as rows one pixel high.

    Knows: gradients of all samples
    Cost: 1 + steps + draws forward, steps backward
    Use: an attacker who can stick something onto a scene but cannot change the image.
    Fails: at sizes below a few per cent of the image.
    Paper: Brown et al. 2017, arXiv:1712.09665
    """
    if not len(x):
        return x
    limit, stream = radii(eps, x), keys(seed, ids, x, "patch")
    over = _over(model, x, y, targets)
    left = ((~(over > 0)) & (limit >= as_images(x).shape[1])).nonzero().squeeze(1)
    if not len(left):
        return x
    goal = None if targets is None else targets[left]
    picture = learn_patch(
        model, x[left], y[left], eps=limit[left], targets=goal, stream=stream[left],
        steps=steps, step=step, degrees=degrees,
    )  # fmt: skip

    def put_down(index: Tensor, draw: int) -> Found:
        t0 = None if targets is None else targets[index]
        place = random_place(x[index], limit[index], stream[index], steps + draw, degrees)
        tried = apply_patch(x[index], picture, place)
        return Found(tried, _over(model, tried, y[index], t0))

    begun = Found(x, torch.full_like(over, torch.inf).index_fill(0, left, -torch.inf))
    return repeated(put_down, x, draws, begun).x


def _over(model: Model, x: Tensor, y: Tensor, targets: Tensor | None) -> Tensor:
    return evaluate(margin(model, y, targets), x, gradient=False).value.nan_to_num(-torch.inf)


def learn_patch(
    model: Model,
    x: Tensor,
    y: Tensor,
    *,
    eps: float | Tensor,
    targets: Tensor | None = None,
    stream: Tensor | None = None,
    steps: int = 100,
    step: float = 0.1,
    degrees: float = 20.0,
) -> Tensor:
    """Return one image (1, channels, height, width) in [0, 1] that fools wherever it is placed.

    Starts from grey and follows the signs of the sum of the gradients of the margins over all
    samples, with a new random position, size and rotation for each sample at every step (Athalye et
    al. 2018), and each gradient divided by its L1 size. The step is annealed from ``step`` to zero
    by a cosine. ``stream`` holds the samples' keys, from `keys`.
    """
    limit = radii(eps, x)
    key = keys(0, None, x, "patch") if stream is None else stream
    tall, wide = (int(side.max()) for side in _sides(as_images(x), limit))
    picture = x.new_full((1, as_images(x).shape[1], tall, wide), 0.5)

    def value(pictures: Tensor, x: Tensor, *fixed: Tensor) -> tuple[Tensor, Tensor]:
        place, rest = Place(*fixed[:2]), fixed[2:]
        return margin(model, *rest).function(apply_patch(x, pictures, place), *rest)

    for move in range(steps):
        place = random_place(x, limit, key, move, degrees)
        fixed = (x, *place, y) if targets is None else (x, *place, y, targets)
        copies = picture.expand(len(x), *picture.shape[1:])
        pull = evaluate(Objective(value, fixed), copies).gradient
        pull = pull / rows(NORMS["L1"].size(pull).clamp_min(1e-30), pull)
        length = step * cosine(move, steps)
        picture = (picture + length * pull.sum(0, keepdim=True).sign()).clamp(0, 1)
    return picture


def apply_patch(x: Tensor, picture: Tensor, place: Place) -> Tensor:
    """Return ``x`` (n, ...) with the picture (1 or n, channels, height, width) at ``place``."""
    images, (tall, wide) = as_images(x), picture.shape[2:]
    copies = picture.expand(len(images), *picture.shape[1:])
    seen = sample_at(copies, place.down * tall, place.right * wide, "border")
    return torch.where(place.covered, seen.clamp(0, 1), images).reshape(x.shape)


def random_place(x: Tensor, eps: Tensor, stream: Tensor, draw: int, degrees: float) -> Place:
    """Return a random position, size and rotation per sample, which covers at most ``eps`` (n,).

    If a rotated patch would cover more it is placed upright and at its full size.
    """
    images = as_images(x)
    height, width = images.shape[2:]
    tall, wide = _sides(images, eps)
    u = uniform(stream, (4,), draw)
    top = ((height - tall + 1) * u[:, 0]).floor().to(x.dtype) + (tall - height) / 2
    left = ((width - wide + 1) * u[:, 1]).floor().to(x.dtype) + (wide - width) / 2
    u = u.to(x.dtype)
    turn = degrees * (2 * u[:, 2] - 1) if height > 1 else torch.zeros_like(top)
    size = SMALLEST + (1 - SMALLEST) * u[:, 3]

    def lying(turn: Tensor | float, size: Tensor | float) -> Place:
        down, right = seen_from(height, width, x, turn, size, top, left)
        return Place(down / tall[:, None, None], right / wide[:, None, None])

    turned, straight = lying(turn, size), lying(0.0, 1.0)
    count = turned.covered.flatten(1).sum(1) * images.shape[1]
    fits = ((count <= eps) & (count > 0))[:, None, None]
    return Place(*(torch.where(fits, a, b) for a, b in zip(turned, straight, strict=True)))


def _sides(images: Tensor, eps: Tensor) -> tuple[Tensor, Tensor]:
    """Return height and width (n,) of the patch that covers at most ``eps`` entries."""
    channels, height, width = images.shape[1:]
    area = (eps / channels).floor().clamp_min(1)
    tall = area.sqrt().floor().clamp(1, height)
    return tall, (area / tall).floor().clamp(1, width)
