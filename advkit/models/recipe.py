"""The hyperparameters of a training: every number that the result depends on."""

import math
from typing import Any, NamedTuple

from advkit.errors import UnknownNameError, UsageError, did_you_mean


class Recipe(NamedTuple):
    """Options of a training; with ``eps`` = 0 it is standard, else adversarial."""

    arch: str = "cnn"
    options: dict[str, Any] = {}  # noqa: RUF012
    """Keyword arguments of the architecture."""
    epochs: int = 10
    batch_size: int = 128
    rate: float = 0.002
    """Peak learning rate of Adam."""
    schedule: str = "onecycle"
    weight_decay: float = 0.0
    norm: str = "Linf"
    eps: float = 0.0
    steps: int = 7
    """Steps of the inner attack."""
    step: float = 0.25
    """Step of the inner attack, in units of ``eps``."""
    inner: str = "float32"
    """Precision of the inner attack; bfloat16 is faster if the processor has it. The updates of the
    weights, and the attack that selects the best epoch, are always float32."""
    warm_up: float = 1.0
    """Epochs over which the radius grows from 0 to ``eps``."""
    held_out: float = 0.05
    """Share of the images used to select the best weights; they are not trained on."""
    seed: int = 0


def check_recipe(recipe: Recipe) -> None:
    """Raise UsageError for a number that is out of range."""
    if recipe.schedule not in SCHEDULES:
        raise UnknownNameError(
            f"there is no schedule {recipe.schedule!r}", did_you_mean(recipe.schedule, SCHEDULES)
        )
    if recipe.norm not in ("Linf", "L2"):
        raise UsageError(f"training under {recipe.norm} is not possible", "Linf or L2", code="E210")
    if recipe.inner not in ("float32", "bfloat16"):
        raise UsageError(
            f"precision {recipe.inner!r} is not possible", "float32 or bfloat16", code="E203"
        )
    for name in ("epochs", "batch_size", "steps"):
        if getattr(recipe, name) < 1:
            raise _impossible(recipe, name, "from 1 up")
    for name, least in (("rate", 0), ("step", 0), ("eps", None), ("warm_up", None),
                        ("weight_decay", None)):  # fmt: skip
        value = getattr(recipe, name)
        if not math.isfinite(value) or value < 0 or value == least:
            hint = f"a finite number, {'not below' if least is None else 'above'} 0"
            raise _impossible(recipe, name, hint)
    if not 0 < recipe.held_out < 1:
        raise _impossible(recipe, "held_out", "between 0 and 1")


def _impossible(recipe: Recipe, name: str, hint: str) -> UsageError:
    value, option = getattr(recipe, name), name.replace("_", "-")
    return UsageError(f"--{option} {value:g} is not possible", hint, code="E203")


def _onecycle(t: float) -> float:
    rise = 0.3
    if t < rise:
        return 0.04 + 0.96 * t / rise
    return _cosine((t - rise) / (1 - rise))


def _cosine(t: float) -> float:
    return 0.5 * (1 + math.cos(math.pi * t))


SCHEDULES = {"onecycle": _onecycle, "cosine": _cosine}
"""Learning rate relative to its peak, at the share t in [0, 1) of the training (Smith 2018;
Loshchilov and Hutter 2017). Functions of t alone, so that a resumed training needs no state."""


def radius_at(recipe: Recipe, epoch: float) -> float:
    """Return the radius after ``epoch`` epochs: it grows linearly during the warm-up."""
    if epoch >= recipe.warm_up:
        return recipe.eps
    return recipe.eps * epoch / recipe.warm_up
