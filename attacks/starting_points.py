"""The start of a decision-based attack: fooling noise, moved near the boundary."""

import math

import torch
from torch import Tensor

from advkit.attacks.counted_queries import Hunt, ask, shrink
from advkit.engine import NORMS, take
from advkit.engine.objectives import Model
from advkit.engine.seeding import uniform

RIVALS = 8  # noise images per round
ROUNDS = 3  # minimum number of rounds, even if the first fools
HALVINGS = 8


def with_start(model: Model, norm: str, hunt: Hunt, stream: Tensor) -> Hunt:
    """Return the hunt with a fooling point near the boundary for every sample if found.

    Queries ``x`` itself; if that does not fool, noise, until some fools or no query is left.
    Streams 0 to 2**20 are used.
    """
    hunt, _ = ask(model, norm, hunt, hunt.x[:, None], hunt.distance.isinf()[:, None])
    settled = hunt.distance.isfinite()
    number = 0
    while True:
        searching = ~settled if number < ROUNDS else hunt.distance.isinf()
        index = (searching & (hunt.left > 0)).nonzero().squeeze(1)
        if not len(index):
            return hunt
        hunt = put(hunt, index, _round(model, norm, take(hunt, index), stream[index], number))
        number += 1


def put(hunt: Hunt, index: Tensor, part: Hunt) -> Hunt:
    """Return ``hunt`` with its rows ``index`` replaced by those of ``part``."""
    names = ("left", "best", "distance")
    return hunt._replace(
        **{name: getattr(hunt, name).index_copy(0, index, getattr(part, name)) for name in names}
    )


def _round(model: Model, norm: str, hunt: Hunt, stream: Tensor, number: int) -> Hunt:
    """Query noise at the current distance and move nearer those that fool there."""
    shape = hunt.x.shape[1:]
    noise = coarse_noise(stream, RIVALS, shape, number).to(hunt.x.dtype)
    n = len(noise)
    furthest = NORMS[norm].size((noise - hunt.x[:, None]).flatten(0, 1)).view(n, -1).amax(1)
    high = torch.minimum(furthest, hunt.distance)
    centre = hunt.x.repeat_interleave(RIVALS, 0)
    reach = high.repeat_interleave(RIVALS)
    rivals = NORMS[norm].confine(noise.flatten(0, 1), centre, reach).view_as(noise)
    hunt, fooled = ask(model, norm, hunt, rivals)
    high = torch.where(fooled.any(1), hunt.distance, high)
    return shrink(model, norm, hunt, rivals, fooled, high, HALVINGS)[0]


def coarse_noise(stream: Tensor, count: int, shape: torch.Size, number: int) -> Tensor:
    """Return ``count`` images of uniform noise per sample, (n, count, *shape), in [0, 1).

    Many nets classify fine noise always the same, so the size of the constant squares grows from
    round to round: 1, 2, 4, ... pixels wide, up to half the image, and again from 1.
    """
    space = shape[1:]
    sizes = max(int(math.log2(max(min(space, default=1) // 2, 1))), 0) + 1
    width = 2 ** (number % sizes)
    noise = uniform(stream, (count, *shape[:1], *(-(-side // width) for side in space)), number)
    for axis, side in enumerate(space, start=3):
        noise = noise.index_select(axis, torch.arange(side, device=noise.device) // width)
    return noise
