"""The schedule of a race: how many walks of a sample make each move, and what kind it is."""

from typing import NamedTuple

BEGINS, LATEST = 0.6, 80
"""Which share of the steps the first of several rounds takes at least, up to so many."""


class Pace(NamedTuple):
    """What suits a norm; found on the bundled nets."""

    field: tuple[tuple[int, float], ...]
    """Walks of a sample in the first round, stage by stage, and their share of its steps: as many
    of the likeliest classes are aimed at."""
    worth: int
    """Steps of a race for each walk that sets out."""
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
    beyond: tuple[float, float] = (0.0, 0.0)
    """In L1: how far over the boundary a round aims at first, in the first round and later, as a
    share of how far the image is below it."""
    rivals: int = 0
    """How many rounds there are to one that goes to another class. 0: none does."""


PACES = {
    "Linf": Pace(((9, 0.18), (5, 0.14), (2, 0.34), (1, 0.34)), 9, 0.5, 0.01, 0.1, 0.3),
    "L2": Pace(
        ((3, 0.6), (2, 0.15), (1, 0.25)), 15, 1.2, 0.01, 0.3, 0.6, (2, 4, 2, 8), 25, (1.0, 0.5)
    ),
    "L1": Pace(
        ((5, 0.56), (2, 0.28), (1, 0.16)), 12, 0.2, 0.1, 0.0, 0.6, (1, 5, 3, 5), 18, (1.0, 0.5),
        (0.35, 0.1), 3,
    ),
}  # fmt: skip

LAGS = {"Linf": 0.0, "L2": 0.09, "L1": 0.2}
"""How far beyond the distance asked for a walk may be that goes on from where another has been, as
a share of it: what nearly all lack at most that come within the distance in the end. It falls to
nothing with the steps that are left. 0: however far it is."""


class Move(NamedTuple):
    """One move of all walks that are still in the race."""

    walks: int
    """How many there are of each sample."""
    leap: bool = False
    gone: float = 0.0
    """Which share of this round's way back towards the image is behind."""


def schedule(pace: Pace, steps: int, walks: int) -> tuple[list[Move], list[list[Move]]]:
    """Return the moves of the first round, of up to ``walks`` walks, and of each later round.

    The moves of all walks, and the looks at where later rounds begin, are ``steps``.
    """
    walks = max(min(walks, steps // pace.worth), 1)
    later = _later(pace, steps - min(round(BEGINS * steps), LATEST)) if pace.back else []
    sizes = _field(pace.field, steps - sum(map(paid, later)), walks)
    return _round(sizes, pace.leaps[0]), later


def onwards(pace: Pace, steps: int) -> list[list[Move]]:
    """Return the rounds of walks that go on from a fooling place, ``steps`` in all.

    Each begins with a leap. Where there are no rounds, all moves lead back to the image.
    """
    if not pace.back:
        return [_round([1] * (steps - 1), 0)]
    return _later(pace, steps) or [_round([1] * (steps - 1), _leap(pace, 1))]


def _field(stages: tuple[tuple[int, float], ...], steps: int, walks: int) -> list[int]:
    sizes: list[int] = []
    for size, share in stages[:-1]:
        size = min(size, walks)
        moves = min(max(int(share * steps) // size, 1), (steps - sum(sizes)) // size)
        sizes += [size] * moves
    return sizes + [1] * (steps - sum(sizes))


def _later(pace: Pace, steps: int) -> list[list[Move]]:
    """Return as many rounds as ``steps`` pay; the last one takes what is left."""
    lengths: list[int] = []
    while steps >= (length := _leap(pace, len(lengths) + 1) + pace.back):
        lengths.append(length)
        steps -= length
    if lengths:
        lengths[-1] += steps
    return [_round([1] * (n - 1), _leap(pace, at)) for at, n in enumerate(lengths, start=1)]


def paid(moves: list[Move]) -> int:
    """Return the forward passes of a later round: its moves, and a look at where it begins."""
    return len(moves) + 1


def _leap(pace: Pace, number: int) -> int:
    return pace.leaps[number % len(pace.leaps)]


def _round(sizes: list[int], leap: int) -> list[Move]:
    back = max(len(sizes) - leap, 1)
    return [Move(n, at < leap, max(at - leap, 0) / back) for at, n in enumerate(sizes)]
