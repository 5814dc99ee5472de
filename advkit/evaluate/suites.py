"""The suites: the attacks in each norm, and how thoroughly the result is checked."""

from collections.abc import Sequence
from typing import NamedTuple


class Care(NamedTuple):
    """How thorough the checks of a result are: images, steps and queries."""

    images: int
    steps: int
    queries: int


class Near(NamedTuple):
    """Which samples count as close to the boundary at an eps, and so worth a long attack.

    An example exists ``within`` so many times eps; or the best margin at this eps is below the
    boundary by at most the share ``short`` of the clean margin.
    """

    within: float
    short: float


class Suite(NamedTuple):
    """Attacks in the order in which they run, cheap ones first; a fooled sample is finished.

    ``nearest`` run once for all eps and seek the nearest example of every sample. ``scouts`` run on
    every eps in ascending order. ``hunters`` run in descending order: a sample that survives all of
    them is not attacked at smaller eps, whose balls are contained. ``closers`` follow them at every
    eps on samples that are `near`; an attack that can starts from the nearby example.
    """

    nearest: tuple[str, ...]
    scouts: tuple[str, ...]
    hunters: tuple[str, ...]
    closers: tuple[str, ...]
    near: Near
    care: Care


QUICK, STANDARD, THOROUGH = Care(32, 50, 100), Care(64, 100, 300), Care(128, 200, 500)
NEAR_BY_10, NEAR_BY_25, NEAR_BY_35 = Near(1.1, 0.1), Near(1.25, 0.25), Near(1.35, 0.35)
"""Near in per cent of eps and of the clean margin."""
LONG_WALK = "apgd:steps=100,loss=margin"
TWO_WALKS = f"{LONG_WALK},restarts=2"
LONG_RACE, LONGER_RACE = "race:steps=400", "race:steps=1000"
TO_ONE = "apgd_targeted:steps=100,n_targets=1,try_steps=5"
TO_TWO = "apgd_targeted:steps=60,n_targets=2"
TO_TWO_OF_NINE = f"{TO_TWO},try_steps=5"
TO_THREE = "apgd_targeted:steps=100,n_targets=3,try_steps=5"
TO_ALL = "apgd_targeted:steps=50"
SHORT_WALK, WALK = "apgd:steps=30,loss=ce", "apgd:steps=45,loss=margin"
STEPS = "pgd:steps=10,step=0.25,loss=margin"

SUITES = {
    "quick": {
        "Linf": Suite(
            ("race:steps=40",), ("fgsm",), ("coarse_pgd:restarts=1,queries=60,steps=25",),
            (LONG_WALK, TO_ONE), NEAR_BY_10, QUICK,
        ),
        "L2": Suite(
            ("race:steps=60",), ("fgsm",), (), ("race:steps=500",), Near(1.15, 0.1), QUICK,
        ),
        "L1": Suite(
            ("race:steps=49",), (), (), (SHORT_WALK, LONG_RACE, WALK, TO_TWO),
            Near(1.4, 0.1), QUICK,
        ),
    },
    "standard": {
        "Linf": Suite(
            ("race:steps=100",), ("noise:draws=4", "fgsm", STEPS),
            (SHORT_WALK, "apgd_targeted:steps=30,n_targets=1,try_steps=5", "coarse_pgd"),
            (LONG_WALK, TO_THREE, "md"), NEAR_BY_10, STANDARD,
        ),
        "L2": Suite(
            ("race:steps=200",), ("noise:draws=4", "fgsm"), (SHORT_WALK,),
            (LONGER_RACE, TO_ONE), NEAR_BY_10, STANDARD,
        ),
        "L1": Suite(
            ("race:steps=60",), ("noise:draws=4",), (),
            (SHORT_WALK, TWO_WALKS, LONG_RACE, TO_TWO_OF_NINE),
            Near(1.5, 0.1), STANDARD,
        ),
    },
    "thorough": {
        "Linf": Suite(
            (LONG_RACE,), ("noise:draws=16", "fgsm", STEPS),
            (LONG_WALK, TO_THREE, "md", "coarse_pgd:restarts=6", "square:queries=300"),
            (TO_ALL, "fab"), NEAR_BY_35, THOROUGH,
        ),
        "L2": Suite(
            (LONG_RACE,), ("noise:draws=16", "fgsm", STEPS),
            (LONG_WALK, TO_THREE, "square:queries=300"), (LONGER_RACE, TO_ALL),
            NEAR_BY_35, THOROUGH,
        ),
        "L1": Suite(
            (LONG_RACE,), ("noise:draws=16", SHORT_WALK),
            (LONG_WALK, TO_THREE, "square:queries=300"), (LONGER_RACE, TO_ALL),
            NEAR_BY_35, THOROUGH,
        ),
    },
}  # fmt: skip


def stronger(name: str) -> str | None:
    """Return the next stronger suite, None if there is none."""
    names = list(SUITES)
    above = names[names.index(name) + 1 :] if name in SUITES else []
    return above[0] if above else None


def suite_of(attacks: Sequence[str]) -> Suite:
    """Return the suite of a user's own attacks, all as scouts."""
    return Suite((), tuple(attacks), (), (), NEAR_BY_25, Care(16, 40, 100))
