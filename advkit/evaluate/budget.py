"""The cost of a plan, announced before it starts: passes per image, and estimated time."""

import time
from collections.abc import Iterable
from typing import NamedTuple

from advkit.attacks import Member, attack_card
from advkit.attacks.race_of_targets import race
from advkit.data.samples import Samples, take
from advkit.engine import evaluate, metered
from advkit.engine.objectives import margin
from advkit.evaluate.check_units import CLIMB
from advkit.evaluate.suite import Plan
from advkit.evaluate.suites import Care
from advkit.models.black_box import pace_of
from advkit.models.classifier import LEAST, Classifier

NEAR = 0.2
"""Share of the images of which experience says that they are close to falling at some eps."""
ASSUMED = 0.5
"""Share of the right images that is taken to stand at an eps while nothing is known of it."""
PGD = 41
"""Passes of a PGD of 20 steps."""
SMALL = 1e-3
"""Seconds per pass of an image below which what an attack does beside the net shows."""
USUAL = 1000
"""Passes that attacks on an image are taken to cost where they do not say."""


class Budget(NamedTuple):
    """Passes (forwards and backwards) per image: at most, and what is usual."""

    most: int
    usual: int


def budget(plan: Plan, radii: int, classes: int) -> Budget | None:
    """Return what ``plan`` costs per image at so many ``radii``; None if an attack does not say.

    Most: an image that falls to the last attack at every eps but the smallest, and there to none.
    Usual: one that pays for one defeat of the hunters; a fifth is close and meets the closers once.
    """
    stages = [passes_of(stage, classes) for stage in plan[:4]]
    if None in stages:
        return None
    nearest, scouts, hunters, closers = (stage or 0 for stage in stages)
    usual = nearest + radii * scouts + hunters + round(NEAR * closers)
    return Budget(nearest + radii * (scouts + hunters + closers), usual)


def passes_of(members: Iterable[Member], classes: int) -> int | None:
    """Return what ``members`` cost per image, all together; None if one of them does not say."""
    try:
        cards = [attack_card(member.label, member.attack) for member in members]
        return sum(sum(card.passes(classes=classes)) for card in cards)
    except (AssertionError, KeyError, SyntaxError, ValueError):
        return None


def check_passes(
    care: Care, images: int, radii: int, right: float = 1.0, standing: float = ASSUMED
) -> float:
    """Return what the checks after the attacks cost in all, on some of so many ``images``.

    ``right`` is the share that is read right, ``standing`` the share of those which no attack fools
    at the smallest eps.
    """
    most = min(care.images, max(images // 4, 1))
    tried, left = min(most, right * images), min(most, right * standing * images)
    climb = 2 * CLIMB[-1] + 1 + len(CLIMB)
    return tried * PGD * radii + left * (6 * care.steps + climb + care.queries)


class Speed(NamedTuple):
    """How long one pass of one image takes on one thread, in a full batch.

    Of that the share ``alone`` is spent in Python, where threads wait for each other.
    """

    seconds: float
    alone: float = 0.0


def speed(model: Classifier, samples: Samples, batch_size: int) -> Speed:
    """Measure passes; of small nets a short attack, for which they are not all that counts.

    A black box, whose queries may be counted or paid for, is asked once about no more images than a
    pass is padded to; a service, which is asked by one thread at a time, tells its own pace.
    """
    if pace := pace_of(model):
        return Speed(pace, alone=1.0)
    if model.black_box:
        some = take(samples, range(min(len(samples.ids), LEAST)))
        began = time.perf_counter()
        evaluate(margin(model, some.y), some.x, gradient=False)
        return Speed((time.perf_counter() - began) / len(some.ids))
    few = take(samples, range(min(len(samples.ids), batch_size)))
    evaluate(margin(model, few.y), few.x)
    began = time.perf_counter()
    evaluate(margin(model, few.y), few.x)
    each = (time.perf_counter() - began) / (2 * len(few.ids))
    if each > SMALL:
        return Speed(each)
    with metered(model) as meter:
        began = time.perf_counter()
        race(model, few.x, few.y, norm="Linf", steps=10)
        spent = time.perf_counter() - began
    attacking = max(spent / max(meter.forwards + meter.backwards, 1), each)
    return Speed(attacking, 1 - each / attacking)


def seconds_of(found: Budget, images: int, rate: Speed, jobs: int, checks: float = 0.0) -> float:
    """Return how long ``images`` usually take ``jobs`` threads; ``checks`` are passes besides."""
    return (found.usual * images + checks) * max(1 / jobs, rate.alone) * rate.seconds


def forecast(found: Budget, images: int, duration: float) -> str:
    """Return the budget and the estimate in one sentence."""
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
