"""Salt and pepper: more and more pixels become black or white."""

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor

from advkit.attacks.severity import Family, Member, Quest, nearest_member
from advkit.engine.objectives import Model
from advkit.engine.seeding import keys, signs, uniform
from advkit.engine.transforms import as_images


def salt_and_pepper(
    model: Model,
    x: Tensor,
    y: Tensor,
    *,
    eps: float | Tensor | None = None,
    norm: Literal["L0", "L1", "L2", "Linf"] = "L0",
    targets: Tensor | None = None,
    seed: int = 0,
    ids: Sequence[str] | None = None,
    rungs: int = 30,
    bisections: int = 10,
    draws: int = 50,
    unit: Literal["features", "pixels"] = "pixels",
) -> Tensor:
    """Return the image with the fewest random black and white pixels that fools.

    A draw puts all pixels into a random order and makes each black or white; the first so many take
    their colour. For the first draw this number grows in ``rungs`` equal steps, as far as ``eps``
    allows. Each of ``draws`` more is queried once, at the largest number that is nearer in ``norm``
    than the best so far. Whenever a draw fools, its number is bisected ``bisections`` times, at
    additional passes. With ``unit`` "features" every channel of a pixel has its own order and
    colour. (Rauber et al. 2017 draw again at every number.)

    Knows: scores
    Cost: 1 + rungs + draws forward, 0 backward
    Use: a baseline for L0; what dead pixels do to a net.
    Fails: nearly always, compared with attacks that choose the pixels.
    Paper: Rauber et al. 2017, arXiv:1707.04131
    """
    if not len(x):
        return x
    places = x[0].numel() if unit == "features" else as_images(x)[0, 0].numel()
    stream = keys(seed, ids, x, "salt_and_pepper")
    families = (
        Family(_sprinkled(x, stream, places, draw), 1 if draw else rungs)
        for draw in range(draws + 1)
    )
    return nearest_member(Quest(model, x, y, targets, norm), families, eps, bisections)


def _sprinkled(x: Tensor, stream: Tensor, places: int, draw: int) -> Member:
    order = uniform(stream, (places,), 2 * draw).argsort(dim=1, stable=True)
    turn = torch.empty_like(order).scatter(
        1, order, torch.arange(places, device=x.device).expand_as(order)
    )
    colour = ((signs(stream, (places,), 2 * draw + 1) + 1) / 2).to(x.dtype)

    def member(which: Tensor, severity: Tensor) -> Tensor:
        changed = turn[which] < (severity * places).round()[:, None]
        flat = x[which].reshape(len(which), -1, places)
        return torch.where(changed[:, None], colour[which][:, None], flat).reshape(-1, *x.shape[1:])

    return member
