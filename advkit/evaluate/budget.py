"""The cost of a plan, announced before it starts: passes per image and estimated time."""

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
"""Share of the images that are typically close to the boundary at some eps."""
ASSUMED = 0.5
"""Share of the correctly classified images assumed to survive an eps before anything is known."""
PGD = 41
"""Passes of a PGD of 20 steps."""
SMALL = 1e-3
"""Seconds per pass and image below which the overhead of an attack matters."""
USUAL = 1000
"""Passes per image assumed for attacks that do not state their cost."""


class Budget(NamedTuple):
    """Passes (forward and backward) per image: at most, and usually."""

    most: int
    usual: int


def budget(plan: Plan, radii: int, classes: int) -> Budget | None:
    """Return what ``plan`` costs per image at ``radii`` eps; None if an attack states no cost.

    Most: an image fooled only by the last attack at every eps but the smallest, and surviving
    there. Usual: one that meets all hunters once; a fifth is close to the boundary and meets the
    closers once.
    """
    stages = [passes_of(stage, classes) for stage in plan[:4]]
    if None in stages:
        return None
    nearest, scouts, hunters, closers = (stage or 0 for stage in stages)
    usual = nearest + radii * scouts + hunters + round(NEAR * closers)
    return Budget(nearest + radii * (scouts + hunters + closers), usual)


def passes_of(members: Iterable[Member], classes: int) -> int | None:
    """Return the total cost of ``members`` per image; None if one of them states none."""
    try:
        cards = [attack_card(member.label, member.attack) for member in members]
        return sum(sum(card.passes(classes=classes)) for card in cards)
    except (AssertionError, KeyError, SyntaxError, ValueError):
        return None


def check_passes(
    care: Care, images: int, radii: int, right: float = 1.0, standing: float = ASSUMED
) -> float:
    """Return the total passes of the checks after the attacks, which use some of the ``images``.

    ``right`` is the share of images classified correctly, ``standing`` the share of those that
    survive the smallest eps.
    """
    most = min(care.images, max(images // 4, 1))
    tried, left = min(most, right * images), min(most, right * standing * images)
    climb = 2 * CLIMB[-1] + 1 + len(CLIMB)
    return tried * PGD * radii + left * (6 * care.steps + climb + care.queries)


class Speed(NamedTuple):
    """Seconds per pass of one image on one thread, in a full batch.

    The share ``alone`` of it is spent in Python, where threads wait for each other.
    """

    seconds: float
    alone: float = 0.0


def speed(model: Classifier, samples: Samples, batch_size: int) -> Speed:
    """Measure the time per pass; for small nets that of a short attack, to include its overhead.

    A black box, whose queries may be limited or paid for, gets one query with no more images than a
    batch is padded to; a service, queried by one thread at a time, states its own pace.
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
    """Return the usual time for ``images`` on ``jobs`` threads; ``checks`` are extra passes."""
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
