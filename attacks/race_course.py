"""The course of a race: how many walks of a sample make each move, and what kind of move it is."""

from typing import NamedTuple

FIELD = ((9, 0.18), (5, 0.14), (2, 0.34), (1, 0.34))
"""In one round: walks of a sample, stage by stage, and their share of the steps."""
FIRST = ((5, 0.56), (2, 0.28), (1, 0.16))
"""The same in L1, in the first round of several."""
BEGINS, LATEST = 0.6, 80  # share of the steps that this round takes at least, and steps


class Pace(NamedTuple):
    """What suits a norm; found on the bundled nets."""

    aims: int
    """How many of the likeliest classes are aimed at."""
    stride: float
    """First step in radii; in L1 the furthest that it moves an entry."""
    least: float
    """The last step over the first."""
    gamma: float
    """By which share the radius moves at first; it ends at a thousandth. L1 has no radius."""
    decay: float
    """What is left of earlier gradients at the next step."""
    leaps: tuple[int, ...] = (0,)
    """Moves of the leap that a round begins with."""
    back: int = 0
    """Moves back towards the image after a later leap."""
    kept: tuple[float, float] = (1.0, 1.0)
    """Share of the entries that the first leap moves, and those later."""
    worth: int = 1
    """Steps of a race for each walk that sets out."""
    beyond: tuple[float, float] = (0.0, 0.0)
    """In L1: how far over the boundary a round aims at first, in the first round and later, as a
    share of how far the image is below it."""
    lag: float = 0.0
    """How far beyond the distance asked for a walk may be before its first step, as a share of it;
    this falls to nothing with the steps that are left. 0: however far it is."""


PACES = {
    "Linf": Pace(9, 0.5, 0.01, 0.1, 0.3, worth=9),
    "L2": Pace(5, 1.2, 0.01, 0.3, 0.6, (2, 4, 2, 8), 25, (1.0, 0.5), 15),
    "L1": Pace(5, 0.2, 0.1, 0.0, 0.6, (1, 5, 3, 5), 18, (1.0, 0.5), 12, (0.35, 0.1)),
}

LAGS = {"Linf": 0.0, "L2": 0.09, "L1": 0.25}
"""`Pace.lag` of a walk that goes on from where another has been: what nearly all lack at most that
come within the distance in the end."""
LONG, LONG_ON = 250, 90
"""Steps from which on a race in L1 is run in turns, from the image and from where it has been."""
BESIDE = 45
"""Forward passes of a race in turns beside the moves of its walks: 36 of the search for few
entries, 5 of the bisection, and 4 at where walks begin or end."""


class Turns(NamedTuple):
    """How many steps a race in L1 makes before, in and after the turn from few entries."""

    before: int
    sparse: int
    after: int


def turns(steps: int, share: float = 0.55) -> Turns:
    """Share ``steps`` out: at least `LONG`, or `LONG_ON` with no ``share`` before the turn."""
    before = round(share * steps)
    left = steps - BESIDE - before
    sparse = min(25, left)
    return Turns(before, sparse, left - sparse)


class Move(NamedTuple):
    """One move of all walks that are still in the race."""

    walks: int
    """How many there are of each sample."""
    round: int
    leap: bool
    gone: float
    """Which share of this round's way back towards the image is behind."""
    returns: bool
    """Whether it leads to the nearest place so far, where the next round begins."""


def course(pace: Pace, steps: int, walks: int) -> list[Move]:
    """Return the moves of a race of up to ``walks`` walks, which make ``steps`` moves together."""
    walks = max(min(walks, steps // pace.worth), 1)
    if not pace.back:
        return _moves([_field(FIELD, steps, walks)], pace, 0)
    rounds = _begun(steps, walks, pace) if any(pace.beyond) else _rounds(steps, walks, pace)
    return _moves(rounds, pace, 0)


def _begun(steps: int, walks: int, pace: Pace) -> list[list[int]]:
    later = _filled([[]], steps - min(round(BEGINS * steps), LATEST), pace, 0)[1:]
    first = steps - sum(map(len, later))
    return [_field(FIRST, first, walks), *later]


def _field(stages: tuple[tuple[int, float], ...], steps: int, walks: int) -> list[int]:
    sizes: list[int] = []
    for size, share in stages[:-1]:
        size = min(size, walks)
        moves = min(max(int(share * steps) // size, 1), (steps - sum(sizes)) // size)
        sizes += [size] * moves
    return sizes + [1] * (steps - sum(sizes))


def _rounds(steps: int, walks: int, pace: Pace) -> list[list[int]]:
    """Let walks lag behind and leave in the first round only."""
    sizes = [walks] * (10 + min(steps // 80, 5)) + [max(walks * 2 // 5, 1)] * 15 + [1] * 20
    while sum(sizes) > steps:
        sizes.pop()
    return _filled([sizes], steps - sum(sizes), pace, 0)


def onwards(pace: Pace, steps: int, number: int) -> list[Move]:
    """Return the moves of one walk that goes on from a fooling place, in rounds from ``number`` on.

    Each begins with a leap.
    """
    first = min(_leap(pace, number) + pace.back, steps)
    return _moves(_filled([[1] * first], steps - first, pace, number), pace, number)


def homewards(steps: int, number: int) -> list[Move]:
    """Return the moves of one walk in round ``number``, which only leads back to the image."""
    return _round(number, [1] * steps, 0, False)


def _filled(rounds: list[list[int]], left: int, pace: Pace, number: int) -> list[list[int]]:
    """Add rounds of one walk, as many as ``left`` steps pay, the rest to the last one."""
    while left >= (length := _leap(pace, number + len(rounds)) + pace.back):
        rounds.append([1] * length)
        left -= length
    rounds[-1] += [1] * left
    return rounds


def _moves(rounds: list[list[int]], pace: Pace, number: int) -> list[Move]:
    last = number + len(rounds) - 1
    return [
        move
        for at, sizes in enumerate(rounds, start=number)
        for move in _round(at, sizes, _leap(pace, at), at < last)
    ]


def _leap(pace: Pace, number: int) -> int:
    return pace.leaps[number % len(pace.leaps)]


def _round(number: int, sizes: list[int], leap: int, returns: bool) -> list[Move]:
    back = max(len(sizes) - leap, 1)
    return [
        Move(walks, number, at < leap, max(at - leap, 0) / back, returns and at + 1 == len(sizes))
        for at, walks in enumerate(sizes)
    ]
