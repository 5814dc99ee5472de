"""Inversion of a layer's code (Mahendran and Vedaldi 2015): an image with the same code."""

from collections.abc import Callable, Iterator
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from advkit.engine import Objective, Point, Rule, ascend, evaluate, rules
from advkit.engine.image_terms import alpha_norm, total_variation
from advkit.engine.layer_outputs import Code, code_distance
from advkit.engine.quasi_newton import lbfgs
from advkit.engine.seeding import keys, normal
from advkit.engine.spectrum import changes_of, seen_through
from advkit.insight.canvas import Canvas
from advkit.insight.visualization import eight_bits

Optimiser = Literal["adam", "lbfgs", "momentum"]
SPREAD = 68.9 / 255
"""Root mean square of natural images about their mean, the unit of the priors."""
ALPHA = 6.0
POWER = 0.5 * 8e-10 * 68.9**4


class Priors(NamedTuple):
    """Weights in units that hold for any size: 1 is the published weight at 227 pixels."""

    variation: float = 1.0
    """Weight of half the mean of dx^2 + dy^2, divided by `SPREAD` squared."""
    power: float = 0.1
    """Weight of the mean sixth power about mid-grey; the box limits values as well."""


class Reconstruction(NamedTuple):
    """An image reconstructed from its code, as saved, and the error of its code."""

    image: Tensor
    """(c, h, w) in [0, 1]."""
    code_error: float
    """|code - wanted|^2 / |wanted|^2, of the image as saved."""
    values: list[float]


def regularised(code: Code, wanted: Tensor, priors: Priors) -> Objective:
    """Return minus the loss: code distance, total variation, sixth power, all normalised."""
    distance = code_distance(code, wanted)

    def value(x: Tensor, wanted: Tensor) -> tuple[Tensor, Tensor]:
        near, found = distance.function(x, wanted)
        off, count = (x - 0.5) / SPREAD, x[0].numel()
        prior = priors.variation / 2 * total_variation(off, 2) / count
        prior = prior + priors.power * POWER * alpha_norm(off, ALPHA) / count
        return near - prior, found

    return Objective(value, distance.fixed)


def inverted(
    code: Code,
    wanted: Tensor,
    canvas: Canvas,
    *,
    priors: Priors,
    optimiser: Optimiser = "lbfgs",
    steps: int = 200,
    seed: int = 0,
    name: str = "0",
    tell: Callable[[int, float], None] = lambda _step, _value: None,
) -> Reconstruction:
    """Return the image whose code is nearest to ``wanted`` (1, ...), optimised from noise."""
    noise = normal(keys(seed, [name], canvas.mean, "inversion"), canvas.shape).float()
    start = (canvas.mean + 0.02 * noise).clamp(0.02, 0.98)
    objective = regularised(code, wanted, priors)
    values: list[float] = []
    end = start
    for step, (x, value) in enumerate(_walk(objective, start, optimiser, steps)):
        end = x
        values.append(value)
        tell(step, value)
    image = eight_bits(end)
    error = -evaluate(code_distance(code, wanted), image, gradient=False).value
    return Reconstruction(image[0], float(error), values)


def _walk(
    objective: Objective, start: Tensor, optimiser: Optimiser, steps: int
) -> Iterator[tuple[Tensor, float]]:
    """Yield the image and the value at every step."""
    if optimiser == "lbfgs":
        image, z = changes_of(start)
        for point in lbfgs(seen_through(objective, image), z, steps, passes=steps, history=20):
            yield image(point.x), float(point.value)
        return
    rule = rules.within(faded(rules.adam(1.0), 0.04, steps), rules.box())
    if optimiser == "momentum":
        rule = rules.within(falling(steps), rules.box())
    for point in ascend(objective, start, rule, steps):
        yield point.x, float(point.value)


def faded(rule: Rule, rate: float, steps: int) -> Rule:
    """Return ``rule`` with its steps times ``rate``, annealed to 0 by a cosine."""

    def update(point: Point, state: tuple[int, object]) -> tuple[Tensor, tuple[int, object]]:
        step, inner = state
        x, inner = rule.update(point, inner)
        return point.x + rate * rules.cosine(step, steps) * (x - point.x), (step + 1, inner)

    return Rule(lambda x: (0, rule.init(x)), update)


def falling(steps: int, decay: float = 0.9) -> Rule:
    """Return gradient ascent with momentum in three stages, each with a tenth of the rate before.

    Momentum is reset between stages, as in the authors' code. The first rate is set by the first
    gradient: a step of 0.02 in root mean square.
    """

    def init(x: Tensor) -> tuple[int, float, Tensor]:
        return 0, 0.0, torch.zeros_like(x)

    def update(
        point: Point, state: tuple[int, float, Tensor]
    ) -> tuple[Tensor, tuple[int, float, Tensor]]:
        step, rate, velocity = state
        if step == 0:
            rate = 0.02 / max(float(point.gradient.square().mean().sqrt()), 1e-30)
        if step in (steps // 2, 5 * steps // 6):
            rate, velocity = rate / 10, torch.zeros_like(velocity)
        velocity = decay * velocity + rate * point.gradient
        return point.x + velocity, (step + 1, rate, velocity)

    return Rule(init, update)


def usual_priors(shrunk: float) -> Priors:
    """Return the weights for a layer whose maps are ``shrunk`` times smaller than the image.

    Total variation rises from 0.01 at full size to 8 for codes without positions. Published are 1,
    10 and 100, by depth, for another net; with the box, less is enough.
    """
    steps = ((1.5, 0.01), (2.5, 0.1), (4.5, 0.3), (8.5, 1.0), (16.5, 3.0))
    weight = next((weight for most, weight in steps if shrunk <= most), 8.0)
    return Priors(variation=weight)
