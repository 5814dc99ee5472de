"""Images without content that a net classifies with certainty (Nguyen et al. 2015).

arXiv:1412.1897.
"""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from advkit.engine import Point, Rule, ascend, evaluate, rows, rules
from advkit.engine.gradient import Objective
from advkit.engine.layer_outputs import Code
from advkit.engine.objectives import log_odds
from advkit.engine.seeding import keys, normal, uniform
from advkit.engine.transforms import blur
from advkit.insight.visualization import eight_bits

LEVELS = (0.5, 0.9, 0.99, 0.999)


class Fooling(NamedTuple):
    """The final image as saved, and the steps that it took."""

    image: Tensor
    """(c, h, w) in [0, 1]."""
    probability: float
    """Probability of the class for the image as saved."""
    reached: dict[str, int | None]
    """The first step at which the class is predicted ('first'), and at which its probability
    exceeds each of `LEVELS`; None if never."""
    values: list[float]
    """The probability at every step."""


def ascended(
    ask: Code, start: Tensor, target: int, *, confidence: float = 0.999, steps: int = 300,
    regularised: bool = False, mean: Tensor | float = 0.0,
    tell: Callable[[int, float], None] = lambda _step, _value: None,
) -> Fooling:  # fmt: skip
    """Return ``start`` (1, ...) changed until its probability of ``target`` is ``confidence``.

    Ascends the log odds of the class in steps of 0.5 in L2 per 28 x 28 values, annealed by a
    cosine. ``regularised``: with decay and a blur every 4 steps (Nguyen et al. 2015), which gives
    shapes. The image stays in [0, 1] throughout.
    """
    target_class = torch.tensor([target], device=start.device)
    goal = certainty(ask, target_class)
    values: list[float] = []
    reached: dict[str, int | None] = {"first": None, **{str(level): None for level in LEVELS}}
    logit = torch.tensor(confidence, dtype=torch.float64).logit()
    end = start
    rule = _plain(start, mean, regularised, steps)
    for step, point in enumerate(ascend(goal, start, rule, steps)):
        end, p = eight_bits(point.x), float(point.value.double().sigmoid())
        values.append(p)
        first = int(point.output.argmax(1)) == target
        _note(reached, step, p, first)
        tell(step, p)
        if float(point.value) > logit + 0.05 and _holds(goal, end, logit):
            break
    final = evaluate(goal, end, gradient=False)
    return Fooling(end[0], float(final.value.double().sigmoid()), reached, values)


def certainty(ask: Code, classes: Tensor) -> Objective:
    """Return the log odds of ``classes`` (n,), which do not saturate as probabilities do."""

    def value(x: Tensor, classes: Tensor) -> tuple[Tensor, Tensor]:
        logits = ask(x)
        return log_odds(logits, classes), logits

    return Objective(value, (classes,))


def _holds(goal: Objective, x: Tensor, logit: Tensor) -> bool:
    return bool(evaluate(goal, x, gradient=False).value.double() > logit)


def _note(reached: dict[str, int | None], step: int, p: float, first: bool) -> None:
    if first and reached["first"] is None:
        reached["first"] = step
    for level in LEVELS:
        if p > level and reached[str(level)] is None:
            reached[str(level)] = step


def _plain(start: Tensor, mean: Tensor | float, regularised: bool, steps: int) -> Rule:
    """Return gradient ascent with annealed steps; or with constant steps, decay and blur."""
    length = 0.5 * (start[0].numel() / 784) ** 0.5

    def update(point: Point, step: int) -> tuple[Tensor, int]:
        slope = point.gradient
        size = slope.flatten(1).norm(dim=1).clamp_min(torch.finfo(slope.dtype).tiny)
        # Decay would dominate annealed steps.
        now = length if regularised else length * rules.cosine(step, steps)
        x = point.x + now * slope / rows(size, slope)
        if regularised:
            x = mean + 0.99 * (x - mean)
            x = blur(x, 0.5) if step % 4 == 3 else x
        return x.clamp(0, 1), step + 1

    return Rule(lambda _x: 0, update)


def evolved(
    ask: Code, start: Tensor, target: int, *, confidence: float = 0.999, steps: int = 300,
    population: int = 16, seed: int = 0, name: str = "0",
    tell: Callable[[int, float], None] = lambda _step, _value: None,
) -> Fooling:  # fmt: skip
    """Return an image found by mutation and selection alone, without gradients.

    Each generation draws ``population`` children, half from the best image and half from a mixture
    of the two best; a tenth of the values mutate (the direct encoding of Nguyen et al. 2015). One
    step is one generation.
    """
    classes = torch.tensor([target], device=start.device)
    parents = start.expand(2, *start.shape[1:])
    values: list[float] = []
    reached: dict[str, int | None] = {"first": None, **{str(level): None for level in LEVELS}}
    for step in range(steps + 1):
        point = evaluate(certainty(ask, classes.expand(len(parents))), parents, gradient=False)
        order = point.value.argsort(descending=True, stable=True)[:2]
        parents, top = parents[order], float(point.value[order[0]].double().sigmoid())
        values.append(top)
        _note(reached, step, top, int(point.output[order[0]].argmax()) == target)
        tell(step, top)
        if top > confidence or step == steps:
            break
        parents = torch.cat([parents, _children(parents, population, seed, name, step)])
    return Fooling(parents[0], top, reached, values)


def _children(parents: Tensor, count: int, seed: int, name: str, step: int) -> Tensor:
    stream = keys(seed, [name], parents[:1], "evolution", step)
    shape = (count, *parents.shape[1:])
    change = normal(stream, shape)[0].to(parents) * 0.3
    where = uniform(stream, shape, 1)[0].to(parents) < 0.1
    mixed = uniform(stream, shape, 2)[0].to(parents) < 0.5
    base = torch.where(mixed & (torch.arange(count) % 2 == 1).view(-1, 1, 1, 1),
                       parents[1:2], parents[:1])  # fmt: skip
    return eight_bits(base + change * where)


def start_of(kind: str, shape: tuple[int, ...], mean: Tensor, seed: int, name: str) -> Tensor:
    """Return the start image, (1, c, h, w): noise, or zero, which is the net's mean image."""
    if kind == "zero":
        return eight_bits(mean.expand(1, *shape).clone())
    return eight_bits(uniform(keys(seed, [name], mean, "noise"), shape).float())


class Manifold(NamedTuple):
    """The codes of real images, as a reference for the distance of others."""

    codes: Tensor
    """(n, d)."""
    own: Tensor
    """(n,) distance of each to its k-th nearest neighbour."""
    neighbours: int

    def distance(self, codes: Tensor) -> Tensor:
        """Return the distance (m,) of ``codes`` (m, d) to the k-th nearest."""
        return torch.cdist(codes, self.codes).kthvalue(self.neighbours, dim=1).values

    def rarity(self, codes: Tensor) -> Tensor:
        """Return the share of real images that are further from the others than ``codes``, (m,)."""
        return (self.own[None] >= self.distance(codes)[:, None]).double().mean(1)


def manifold(codes: Tensor, neighbours: int = 5) -> Manifold:
    """Return the reference for codes (n, d) of real images (after Sun et al. 2022)."""
    k = min(neighbours, len(codes) - 1)
    each = torch.cdist(codes, codes).kthvalue(k + 1, dim=1).values
    return Manifold(codes, each, k)
