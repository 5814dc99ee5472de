"""Priors for feature visualisation by name, and their update rules."""

from typing import Any, NamedTuple

import torch
from torch import Tensor

from advkit.engine import Rule, rows
from advkit.engine.gradient import Point
from advkit.engine.seeding import keys, uniform
from advkit.engine.transforms import blur, move
from advkit.errors import UnknownNameError, did_you_mean


class Recipe(NamedTuple):
    """Priors on an image; lengths are relative to the shorter side."""

    about: str
    spectrum: bool = False
    """Optimise the spectrum in uncorrelated colours by Adam; else pixels."""
    rate: float = 0.02
    """Learning rate of Adam; for pixels the root mean square of the first step."""
    noise: float = 0.0
    """Deviation of the start from the mean image."""
    decay: float = 0.0
    """Share of the image minus its mean that is removed at each step: 2 lambda times the rate."""
    variation: float = 0.0
    """Weight of the mean total variation, in units of the score."""
    blur: float = 0.0
    blur_every: int = 4
    norm_percentile: float = 0.0
    """Pixels below this percentile of magnitude are set to the mean every few steps."""
    contribution_percentile: float = 0.0
    """The same by |pixel x gradient|."""
    jitter: float = 0.0
    turn: float = 0.0
    """Degrees, either way."""
    zoom: tuple[float, float] = (1.0, 1.0)


RECIPES = {
    "simonyan": Recipe("score less lambda |I|^2 from the zero image (Simonyan et al. 2013)",
                       rate=0.01, decay=0.01),
    "yosinski": Recipe("decay and a blur every 4 steps (Yosinski et al. 2015)",
                       rate=0.03, noise=0.05, decay=0.0001, blur=1.0),
    "clipped": Recipe("blur, small pixels clipped (Yosinski et al. 2015)",
                      rate=0.03, noise=0.05, blur=0.5, norm_percentile=50),
    "contributing": Recipe("blur, pixels that contribute little clipped (Yosinski et al. 2015)",
                           rate=0.03, noise=0.05, blur=0.5, contribution_percentile=90),
    "jittered": Recipe("pixels with jitter and total variation (Mordvintsev et al. 2015)",
                       rate=0.03, noise=0.05, variation=10.0, jitter=0.06),
    "spectrum": Recipe("spectrum in uncorrelated colours, moved about (Olah et al. 2017)",
                       spectrum=True, rate=0.05, noise=0.01, jitter=0.1, turn=10,
                       zoom=(0.8, 1.2)),
}  # fmt: skip


def recipe_of(name: str) -> Recipe:
    """Return the recipe called ``name``; raises UsageError."""
    if name not in RECIPES:
        raise UnknownNameError(f"there is no recipe {name!r}", did_you_mean(name, RECIPES))
    return RECIPES[name]


def moved(x: Tensor, recipe: Recipe, stream: Tensor) -> Tensor:
    """Return ``x`` (n, c, h, w) rotated, scaled and shifted at random, keyed by ``stream`` (n,)."""
    if not (recipe.jitter or recipe.turn or recipe.zoom != (1.0, 1.0)):
        return x
    draw = (2 * uniform(stream, (4,)) - 1).to(x)
    low, high = recipe.zoom
    reach = recipe.jitter * min(x.shape[2:])
    return move(x, degrees=recipe.turn * draw[:, 0],
                factor=(low + high) / 2 + (high - low) / 2 * draw[:, 1],
                down=reach * draw[:, 2], right=reach * draw[:, 3], edge="reflection")  # fmt: skip


def step_key(seed: int, ids: list[str], like: Tensor, step: int) -> Tensor:
    """Return the random key of one step, (n,)."""
    return keys(seed, ids, like, "picture", step)


def pixel_rule(recipe: Recipe, mean: Tensor, rate: Tensor, inside: bool = True) -> Rule:
    """Return plain gradient ascent by ``rate`` (n,) with the priors of ``recipe``.

    x <- mean + (1 - decay) (x - mean) + rate g; then blur and clips every few steps, then the box
    if ``inside``. With decay = 2 lambda rate it ascends S - lambda |x - mean|^2.
    """

    def update(point: Point, state: tuple[int, Tensor]) -> tuple[Tensor, Any]:
        step, rate = state
        off = (1 - recipe.decay) * (point.x - mean) + rows(rate, point.x) * point.gradient
        if (step + 1) % recipe.blur_every == 0:
            off = _tidied(off, point.gradient, recipe)
        x = mean + off
        return (x.clamp(0, 1) if inside else x), (step + 1, rate)

    return Rule(lambda _x: (0, rate), update)


def _tidied(off: Tensor, gradient: Tensor, recipe: Recipe) -> Tensor:
    if recipe.blur:
        off = blur(off, recipe.blur)
    if recipe.norm_percentile:
        off = _clipped(off, torch.linalg.vector_norm(off, dim=1), recipe.norm_percentile)
    if recipe.contribution_percentile:
        size = (off * gradient).sum(1).abs()
        off = _clipped(off, size, recipe.contribution_percentile)
    return off


def _clipped(off: Tensor, size: Tensor, percentile: float) -> Tensor:
    """Set to 0 the pixels whose ``size`` (n, h, w) is below a percentile of the image's."""
    least = size.flatten(1).quantile(percentile / 100, dim=1)
    return off * (size >= rows(least, size))[:, None]


def first_rate(gradient: Tensor, recipe: Recipe) -> Tensor:
    """Return the rate (n,) at which the first step has the recipe's root mean square."""
    size = gradient.flatten(1).square().mean(1).sqrt()
    return torch.where(size > 0, recipe.rate / size.clamp_min(1e-30), 0)
