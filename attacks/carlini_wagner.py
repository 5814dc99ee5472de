"""CW: Adam on distance plus margin, with a search for the weight between them."""

from collections.abc import Sequence
from typing import Any, Literal

import torch
from torch import Tensor

from advkit.attacks.minimum import Nearest, enough, linear_distance, nearest_point, within
from advkit.attacks.polish import into_smaller_balls
from advkit.attacks.search_over_c import penalised, search_over_c
from advkit.attacks.search_over_counts import of_few_entries, search_over_counts
from advkit.engine import NORMS, Point, Rule, evaluate, rows
from advkit.engine.objectives import Model, margin, margins
from advkit.engine.rules import adam, box
from advkit.engine.rules import within as within_box

SHARE = 0.1  # of the linear distance, the step in Linf; of the box, in L0
SHRINK = 0.9  # the bound in Linf, relative to the size that fooled


def cw(
    model: Model,
    x: Tensor,
    y: Tensor,
    *,
    eps: float | Tensor | None = None,
    norm: Literal["L2", "Linf", "L0"] = "L2",
    targets: Tensor | None = None,
    seed: int = 0,
    ids: Sequence[str] | None = None,
    steps: int = 100,
    searches: int = 9,
    step: float = 1.0,
    c: float = 1.0,
    confidence: float = 0.0,
    polish: int = 8,
) -> Tensor:
    """Return the nearest adversarial example of ``searches`` runs (Carlini and Wagner 2017).

    A run minimises, by Adam, the distance plus ``c`` times how far the margin is below
    ``confidence``; ``c`` is searched per sample, by factors of ten, then by bisection of its
    logarithm. In L2 the distance is squared. In Linf it is the sum of what entries exceed a bound
    by; at each success the bound falls to nine tenths of the size of the perturbation (in the paper
    once per run). In L0 a run maximises the margin, in steps of a tenth of the box times ``step``,
    until it fools, and moves only the entries that promise most at its start; the search is for how
    many entries are needed (in the paper they are frozen one by one, and never released), and ``c``
    and ``confidence`` are not used.

    Unlike in the paper the variable is the image itself, clipped to the box: tanh, which the paper
    uses, has almost no slope at the bounds of the box, where many pixels are. The first ``c`` is in
    units of the one that would be right if the model were linear, and ``step`` in units of the
    linear distance to the boundary over the root of the number of entries (in Linf, of a tenth of
    that distance): no scale of logits or distances matters. If an adversarial example was found,
    ``polish`` additional forward passes bisect the radius of a ball that it is projected onto.

    Knows: gradients
    Cost: 1 + searches * (steps + 1) forward, 1 + searches * steps backward
    Use: comparison with older work; a penalty instead of a ball is another view of a model.
    Fails: with few steps: `ddn`, `fmn` and `race` need a tenth of them.
    Paper: Carlini and Wagner 2017, arXiv:1608.04644
    """
    if not len(x):
        return x
    stop = enough(eps, x)
    if norm == "L0":
        found = _of_fewest(model, x, y, targets, stop, steps, searches, step)
    else:
        found = _penalised(model, x, y, targets, norm, stop, steps, searches, step, c, confidence)
    return within(into_smaller_balls(model, x, y, targets, found, norm, stop, polish), x, eps)


def _penalised(
    model: Model,
    x: Tensor,
    y: Tensor,
    targets: Tensor | None,
    norm: str,
    stop: Tensor,
    steps: int,
    searches: int,
    step: float,
    c: float,
    confidence: float,
) -> Nearest:
    """Return the nearest point of several minimisations of distance plus weighted margin."""
    distance, slope = linear_distance(evaluate(margin(model, y, targets), x), norm)
    entries, square = x[0].numel(), norm == "L2"
    length = step * distance * (entries**-0.5 if square else SHARE)
    first = 2 * c * (distance if square else entries) / slope

    def walk(index: Tensor, weight: Tensor) -> Nearest:
        t0 = None if targets is None else targets[index]
        x0, y0 = x[index], y[index]
        objective = penalised(model, x0, y0, t0, weight, confidence, square)
        free = adam(length[index]) if square else _bounded(adam(length[index]), x0, y0, t0)
        rule = within_box(free, box())
        return nearest_point(objective, x0, rule, steps, x0, y0, t0, norm, stop[index])

    return search_over_c(walk, x, stop, first=first, rounds=searches)


def _of_fewest(
    model: Model,
    x: Tensor,
    y: Tensor,
    targets: Tensor | None,
    stop: Tensor,
    steps: int,
    searches: int,
    step: float,
) -> Nearest:
    """Return the fooling point with the fewest changed entries; steps halve while none fools."""

    def walk(index: Tensor, start: Tensor, count: Tensor, number: int) -> Nearest:
        t0 = None if targets is None else targets[index]
        x0, y0 = x[index], y[index]
        fooled_before = (start != x0).flatten(1).any(1)
        rate = step * SHARE * torch.where(fooled_before, 1.0, 0.5**number)
        rule = of_few_entries(within_box(adam(rate), box()), x0, count)
        most = steps + (number == 0)  # the pass that other norms spend on the image itself
        objective, there = margin(model, y0, t0), torch.maximum(count, stop[index])
        return nearest_point(objective, start, rule, most, x0, y0, t0, "L0", there)

    return search_over_counts(walk, x, stop, searches)


def _bounded(rule: Rule, x: Tensor, y: Tensor, targets: Tensor | None) -> Rule:
    """Bound the size of entries; after a success below that of the fooling point."""

    def init(start: Tensor) -> tuple[Any, ...]:
        goal = () if targets is None else (targets,)
        return rule.init(start), x, y, goal, torch.full_like(x.flatten(1)[:, 0], torch.inf)

    def update(point: Point, state: tuple[Any, ...]) -> tuple[Tensor, tuple[Any, ...]]:
        inner, x, y, goal, bound = state
        away = point.x - x
        fooled = margins(point.output, y, *goal) > 0
        bound = torch.where(fooled, torch.minimum(bound, SHRINK * NORMS["Linf"].size(away)), bound)
        back = away.sign() * (away.abs() > rows(bound, away))
        ahead, inner = rule.update(point._replace(gradient=point.gradient - back), inner)
        return ahead, (inner, x, y, goal, bound)

    return Rule(init, update)
