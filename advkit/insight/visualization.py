"""Feature visualisation: images that maximise a class score or a neuron."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from advkit.engine import Objective, Point, Rule, climb, evaluate, rules
from advkit.engine.image_terms import gram, total_variation
from advkit.engine.layer_outputs import Code
from advkit.engine.seeding import keys, normal
from advkit.engine.spectrum import image_of, spectrum_noise
from advkit.insight.canvas import Canvas
from advkit.insight.recipes import Recipe, first_rate, moved, pixel_rule, step_key

TRIES = 4


class Picture(NamedTuple):
    """An optimised image, rounded to 8 bits, and the course of its score."""

    image: Tensor
    """(c, h, w) in [0, 1], multiples of 1 / 255."""
    score: float
    values: list[float]
    dead: bool = False
    """The gradient was exactly 0 at every start, so that nothing could rise."""


def pictures_of(
    objective: Objective,
    canvas: Canvas,
    recipe: Recipe,
    *,
    steps: int,
    seed: int = 0,
    ids: list[str] | None = None,
    likeness: Code | None = None,
    apart: float = 0.0,
    tell: Callable[[int, float], None] = lambda _step, _value: None,
) -> list[Picture]:
    """Return one image per entry of ``ids`` that maximises ``objective`` with equal fixed tensors.

    Several are kept different: each is penalised by ``apart`` times its mean cosine similarity to
    the others of the Gram matrices at ``likeness`` (Olah et al. 2017). Scores are of the images as
    saved.
    """
    names = ids or ["0"]
    for attempt in range(TRIES):
        start = _start(canvas, recipe, keys(seed, names, canvas.mean.expand(len(names), -1, -1, -1),
                                            "start", attempt))  # fmt: skip
        image = _images(canvas, recipe)
        at = _objective_at(objective, recipe, image, seed, names, likeness, apart)
        slope = evaluate(at(0), start).gradient
        alive = slope.flatten(1).abs().amax(1) > 0
        if bool(alive.any()) or (not recipe.noise and not recipe.spectrum):
            break
    rule = _rule(recipe, canvas, slope)
    rounded, values = _walked(climb(at, start, rule, steps), image, tell)
    score = evaluate(_for_all(objective, len(names)), rounded, gradient=False).value
    return [
        Picture(rounded[i], float(score[i]), [float(v[i]) for v in values], not bool(alive[i]))
        for i in range(len(names))
    ]


def _walked(
    walk: Iterator[Point], image: Code, tell: Callable[[int, float], None]
) -> tuple[Tensor, list[Tensor]]:
    values, end = [], None
    for step, point in enumerate(walk):
        values.append(point.value)
        end = point.x
        tell(step, float(point.value.mean()))
    assert end is not None  # noqa: S101
    return eight_bits(image(end)), values


def eight_bits(x: Tensor) -> Tensor:
    """Return images as they are saved: within [0, 1], in steps of 1 / 255."""
    return (x.detach().clamp(0, 1) * 255).round() / 255


def _start(canvas: Canvas, recipe: Recipe, stream: Tensor) -> Tensor:
    if recipe.spectrum:
        return spectrum_noise(stream, canvas.shape, recipe.noise or 0.01)
    noise = normal(stream, canvas.shape).float()
    return (canvas.mean + recipe.noise * noise).clamp(0, 1)


def _images(canvas: Canvas, recipe: Recipe) -> Code:
    if not recipe.spectrum:
        return lambda x: x
    centre = canvas.mean.clamp(0.1, 0.9).logit()  # further out the sigmoid is too flat to start at
    return lambda z: image_of(z, canvas.shape[2], centre)


def _rule(recipe: Recipe, canvas: Canvas, slope: Tensor) -> Rule:
    if recipe.spectrum:
        return rules.adam(recipe.rate)
    return pixel_rule(recipe, canvas.mean, first_rate(slope, recipe))


def _objective_at(
    objective: Objective, recipe: Recipe, image: Code, seed: int, names: list[str],
    likeness: Code | None, apart: float,
) -> Callable[[int], Objective]:  # fmt: skip
    def at(step: int) -> Objective:
        def value(z: Tensor, *fixed: Tensor) -> tuple[Tensor, Tensor]:
            x = image(z)
            seen = moved(x, recipe, step_key(seed, names, x, step))
            score, output = objective.function(seen, *fixed)
            if recipe.variation:
                score = score - recipe.variation * total_variation(x) / x[0, 0].numel()
            if likeness is not None and apart and len(x) > 1:
                score = score - apart * alike(likeness(seen))
            return score, output

        return _for_all(objective, len(names))._replace(function=value)

    return at


def _for_all(objective: Objective, n: int) -> Objective:
    """Return the objective for one image as one for ``n``."""
    return objective._replace(fixed=tuple(f.expand(n, *f.shape[1:]) for f in objective.fixed))


def alike(maps: Tensor) -> Tensor:
    """Return each Gram matrix's mean cosine similarity to the others, (n,), of (n, c, h, w)."""
    flat = torch.nn.functional.normalize(gram(maps).flatten(1), dim=1)
    return ((flat @ flat.T).sum(1) - 1) / (len(maps) - 1)
