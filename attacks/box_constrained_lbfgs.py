"""Box-constrained L-BFGS: minimise distance plus loss, weighted by a constant."""

from collections.abc import Sequence
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from advkit.attacks.limited_memory import lbfgs_in_box
from advkit.attacks.minimum import Nearest, enough, within
from advkit.attacks.polish import polished
from advkit.engine import NORMS, Objective, Rule, ascend, rows, take
from advkit.engine.objectives import Model, margins


def lbfgs(
    model: Model,
    x: Tensor,
    y: Tensor,
    *,
    eps: float | Tensor | None = None,
    norm: Literal["L2"] = "L2",
    targets: Tensor | None = None,
    seed: int = 0,
    ids: Sequence[str] | None = None,
    steps: int = 20,
    searches: int = 8,
    c: float = 1.0,
    memory: int = 5,
    first: float = 1.0,
    polish: int = 10,
) -> Tensor:
    """Return the nearest adversarial example of L-BFGS runs in the box (Szegedy et al. 2014).

    Minimises c |z - x|^2 + loss(z), where the loss is minus the log of the probability of the
    target, or of all classes other than ``y`` together. c starts at ``c``; it is multiplied by 10
    after a minimum that fools and divided by 10 after one that does not, until both have occurred,
    and is then their geometric mean. There are ``searches`` minimisations of ``steps`` steps, each
    from ``x`` until one has fooled, then each from the end of the last. The minimiser is
    `lbfgs_in_box`; ``memory`` moves and the length of the ``first`` step are its options.
    ``polish`` additional forward passes shorten the perturbation found. The paper had a target for
    every image, and |z - x| without the square, whose slope is undefined at x.

    Knows: gradients
    Cost: searches * (steps + 1) forward, searches * steps backward
    Use: smooth nets; curvature makes up for badly scaled inputs, where plain steps are slow.
    Fails: where the loss is flat (saturated softmax) or the right c is out of reach.
    Paper: Szegedy et al. 2014, arXiv:1312.6199
    """
    if not len(x):
        return x
    stop = enough(eps, x)
    rule, search = lbfgs_in_box(memory, first), _begin(x, c)
    for _ in range(searches):
        left = (~(search.distance <= stop)).nonzero().squeeze(1)
        if not len(left):
            break
        some = take(search, left)
        t0 = None if targets is None else targets[left]
        ran = _minimise(model, x[left], y[left], t0, some, rule, steps, stop[left])
        search = _Search(*(a.index_put((left,), b) for a, b in zip(search, ran, strict=True)))
    found = Nearest(search.x, search.distance)
    return within(polished(model, x, y, targets, found, norm, stop, polish), x, eps)


class _Search(NamedTuple):
    """The nearest fooling point of every sample; the end of the last minimisation; and c.

    ``fooling`` is the largest c whose minimum fooled, ``failing`` the least whose did not.
    """

    x: Tensor
    distance: Tensor
    end: Tensor
    c: Tensor
    fooling: Tensor
    failing: Tensor


def _begin(x: Tensor, c: float) -> _Search:
    far = x.new_full((len(x),), torch.inf)
    return _Search(x, far, x, torch.full_like(far, c), torch.zeros_like(far), far)


def _minimise(
    model: Model,
    x: Tensor,
    y: Tensor,
    targets: Tensor | None,
    s: _Search,
    rule: Rule,
    steps: int,
    stop: Tensor,
) -> _Search:
    """Return the search after one more minimisation, at the current c."""
    found, distance, end = s.x.clone(), s.distance.clone(), s.end.clone()
    top, fooled = torch.full_like(distance, -torch.inf), torch.zeros_like(y, dtype=torch.bool)
    objective = _weighed(model, x, y, targets, s.c)
    for point in ascend(objective, s.end, rule, steps, lambda p: distance[p.which] <= p.of(stop)):
        at = point.which
        goal = None if targets is None else targets[at]
        over = margins(point.output, y[at], goal) > 0
        size = torch.where(over, NORMS["L2"].size(point.x - x[at]), torch.inf)
        nearer, better = size < distance[at], point.value > top[at]
        found[at] = torch.where(rows(nearer, x), point.x, found[at])
        distance[at] = torch.where(nearer, size, distance[at])
        end[at] = torch.where(rows(better, x), point.x, end[at])
        top[at] = torch.where(better, point.value, top[at])
        fooled[at] = torch.where(better, over, fooled[at])
    fooling, failing = torch.where(fooled, s.c, s.fooling), torch.where(fooled, s.failing, s.c)
    c = torch.where(fooling == 0, failing / 10, (fooling * failing).sqrt())
    c = torch.where(failing.isinf(), fooling * 10, c)
    end = torch.where(rows(fooling > 0, x), end, x)
    return _Search(found, distance, end, c, fooling, failing)


def _weighed(model: Model, x: Tensor, y: Tensor, targets: Tensor | None, c: Tensor) -> Objective:
    """Return minus (c |z - x|^2 + loss) at z."""

    def value(
        z: Tensor, x: Tensor, c: Tensor, y: Tensor, *targets: Tensor
    ) -> tuple[Tensor, Tensor]:
        logits = model(z)
        wanted = (
            logits.gather(1, targets[0][:, None])
            if targets
            else logits.scatter(1, y[:, None], -torch.inf)
        )
        chance = wanted.logsumexp(1) - logits.logsumexp(1)
        return chance - c * (z - x).flatten(1).square().sum(1), logits

    return Objective(value, (x, c, y) if targets is None else (x, c, y, targets))
