"""VFGA: one entry after another, by the best of random moves up and down."""

from collections.abc import Sequence
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from advkit.attacks.minimum import Nearest, within
from advkit.attacks.sparse_units import by_place
from advkit.engine import NORMS, Point, evaluate, take
from advkit.engine.objectives import Model, cross_entropy, margins
from advkit.engine.seeding import keys, normal


def vfga(
    model: Model,
    x: Tensor,
    y: Tensor,
    *,
    eps: float | Tensor | None = None,
    norm: Literal["L0"] = "L0",
    targets: Tensor | None = None,
    seed: int = 0,
    ids: Sequence[str] | None = None,
    steps: int = 200,
    samples: int = 10,
    unit: Literal["features", "pixels"] = "features",
) -> Tensor:
    """Return the first adversarial example of a greedy search by entries (Hajri et al. 2022).

    Each of ``steps`` picks, among the entries that have not moved yet, the one whose move up to its
    bound, and the one whose move down, lowers the probability of the label the most (targeted:
    raises that of the target), to first order. For both it tries ``samples`` moves: absolute values
    of a Gaussian whose standard deviation is the distance to the bound, clipped there. It continues
    from the best; a sample leaves at the first that fools. Unlike in the paper the first of the
    moves goes all the way to the bound, so that this needs no luck, and probabilities are compared
    by their logarithm, which does not saturate. ``unit`` "pixels" moves all channels of a pixel,
    each by its own draw.

    Knows: gradients
    Cost: steps * (1 + 2 * samples) forward, steps backward
    Use: small counts without any tuning: a baseline for `sigma_zero` and `thinning`.
    Fails: where single entries matter little, as on adversarially trained nets.
    Paper: Hajri et al. 2022, arXiv:2011.12423
    """
    if not len(x):
        return x
    found, distance = x.clone(), torch.full((len(x),), torch.inf, dtype=x.dtype, device=x.device)

    def ask(s: _State, tried: Tensor, gradient: bool) -> tuple[_State, Tensor, Point]:
        """Evaluate ``tried``; fooled samples leave."""
        objective = cross_entropy(model, s.y, *s.targets)
        point = evaluate(objective, tried.reshape(-1, *x.shape[1:]), gradient)
        fooled = margins(point.output, s.y, *s.targets) > 0
        won = s.which[fooled]
        found[won] = point.x[fooled]
        distance[won] = NORMS["L0"].size(found[won] - x[won])
        return take((s, tried, point), (~fooled).nonzero().squeeze(1))

    s = _begin(by_place(x, unit), y, targets, keys(seed, ids, x, "vfga"))
    for step in range(steps):
        s, _, point = ask(s, s.best, True)
        s = _choose(s, point.gradient.reshape(s.x.shape))
        for number in range(2 * samples):
            if not len(s.which):
                return within(Nearest(found, distance), x, eps)
            tried = _moved(s, number % 2 == 0, number < 2, 2 * samples * step + number)
            s, tried, point = ask(s, tried, False)
            s = _likelier(s, tried, point.value)
    return within(Nearest(found, distance), x, eps)


class _State(NamedTuple):
    which: Tensor
    x: Tensor  # (n, channels, places), as are the next two
    now: Tensor
    best: Tensor  # of the moves tried from there, and its value
    value: Tensor
    y: Tensor
    targets: tuple[Tensor, ...]
    stream: Tensor
    up: Tensor  # the places to increase and to decrease, as bools (n, 1, places)
    down: Tensor


def _begin(x: Tensor, y: Tensor, targets: Tensor | None, stream: Tensor) -> _State:
    which, nowhere = torch.arange(len(x), device=x.device), torch.zeros_like(x[:, :1]) > 0
    aim = () if targets is None else (targets,)
    return _State(which, x, x, x, nowhere[:, 0, 0].to(x.dtype), y, aim, stream, nowhere, nowhere)


def _choose(s: _State, slope: Tensor) -> _State:
    """Continue from the best, and choose the two places with the largest gain at a bound."""
    moved = (s.best != s.x).any(1)

    def top(gain: Tensor) -> Tensor:
        first = gain.sum(1).masked_fill(moved, -torch.inf).argmax(1, keepdim=True)
        return (torch.zeros_like(moved).scatter(1, first, True) & ~moved)[:, None]

    up, down = top(slope * (1 - s.best)), top(-slope * s.best)
    return s._replace(now=s.best, value=torch.full_like(s.value, -torch.inf), up=up, down=down)


def _moved(s: _State, up: bool, whole: bool, draw: int) -> Tensor:
    share = torch.ones_like(s.x[:, :, :1])
    if not whole:
        share = normal(s.stream, (s.x.shape[1], 1), draw).abs().to(s.x.dtype)
    way = 1 - s.now if up else -s.now
    return torch.where(s.up if up else s.down, (s.now + share * way).clamp(0, 1), s.now)


def _likelier(s: _State, tried: Tensor, value: Tensor) -> _State:
    higher = value > s.value
    return s._replace(
        best=torch.where(higher[:, None, None], tried, s.best),
        value=torch.where(higher, value, s.value),
    )
