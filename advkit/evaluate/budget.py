"""What a plan may cost, said before it starts: passes per image, and an estimate of time."""

import time
from collections.abc import Iterable
from typing import NamedTuple

from advkit.attacks import Member, attack_card
from advkit.data.samples import Samples, take
from advkit.engine import evaluate
from advkit.engine.objectives import margin
from advkit.evaluate.suite import Plan
from advkit.models.classifier import Classifier

CLOSE = 0.2
"""Share of the images of which experience says that they are close to falling at some eps."""


USUAL = 1000
"""Passes that attacks on an image are taken to cost where they do not say."""


class Budget(NamedTuple):
    """Passes (forwards and backwards) per image: at most, and what is usual."""

    most: int
    usual: int


def budget(plan: Plan, eps: int, classes: int) -> Budget | None:
    """Return what ``plan`` costs per image at so many ``eps``; None if an attack does not say.

    Most: an image that falls to the last attack at every eps but the smallest, and there to none.
    Usual: one that pays for one defeat of the hunters; a fifth is close and meets the closers once.
    """
    stages = [passes_of(stage, classes) for stage in plan[:4]]
    if None in stages:
        return None
    nearest, scouts, hunters, closers = (stage or 0 for stage in stages)
    usual = nearest + eps * scouts + hunters + round(CLOSE * closers)
    return Budget(nearest + eps * (scouts + hunters + closers), usual)


def passes_of(members: Iterable[Member], classes: int) -> int | None:
    """Return what ``members`` cost per image, all together; None if one of them does not say."""
    try:
        cards = [attack_card(member.label, member.attack) for member in members]
        return sum(sum(card.passes(classes=classes)) for card in cards)
    except (AssertionError, KeyError, SyntaxError, ValueError):
        return None


def seconds_per_pass(model: Classifier, samples: Samples, batch_size: int) -> float:
    """Return how long one pass of one image takes, on one thread, in a full batch."""
    few = take(samples, range(min(len(samples.ids), batch_size)))
    evaluate(margin(model, few.y), few.x)
    began = time.perf_counter()
    evaluate(margin(model, few.y), few.x)
    return (time.perf_counter() - began) / (2 * len(few.ids))


def forecast(found: Budget, images: int, per_pass: float, jobs: int) -> str:
    """Return the budget and the estimate in one sentence."""
    duration = found.usual * images * per_pass / jobs
    return (
        f"usually {found.usual:,} passes per image, at most {found.most:,}; "
        f"for {images:,} images about {spoken(duration)}"
    )


def spoken(seconds: float) -> str:
    """Return a duration in words."""
    if seconds < 1.5:
        return "a second"
    if seconds < 90:
        return f"{round(seconds)} seconds"
    minutes = round(seconds / 60)
    return f"{minutes} minutes" if minutes < 90 else f"{seconds / 3600:.1f} hours"
