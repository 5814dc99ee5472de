"""The schedule of a race: number of runs per sample and kind of each step."""

from typing import NamedTuple

BEGINS, LATEST = 0.6, 80
"""Minimum share of the steps for the first of several rounds, up to so many steps."""


class Pace(NamedTuple):
    """Settings per norm, tuned on the bundled nets."""

    field: tuple[tuple[int, float], ...]
    """Runs per sample in the first round, stage by stage, and their share of its steps: that many
    of the likeliest classes are targeted."""
    worth: int
    """Steps of a race for each run that starts."""
    stride: float
    """First step in radii; in L1 the largest change of an entry."""
    least: float
    """Ratio of the last step to the first."""
    gamma: float
    """Initial relative change of the radius; it ends at a thousandth. L1 has no radius."""
    decay: float
    """Weight of earlier gradients in the next step."""
    leaps: tuple[int, ...] = (0,)
    """Steps of the leap at the start of a round."""
    back: int = 0
    """Steps back towards the image after a later leap."""
    kept: tuple[float, float] = (1.0, 1.0)
    """Share of the entries that the first leap moves, and later ones."""
    beyond: tuple[float, float] = (0.0, 0.0)
    """In L1: how far beyond the boundary a round aims initially, in the first round and later,
    relative to how far the image is below it."""
    rivals: int = 0
    """Number of rounds for each one that goes to another class. 0: none does."""


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
"""How far beyond the requested distance a run from a known point may be, relative to it: the
largest gap of nearly all that come within the distance in the end. It decreases to zero with the
steps left. 0: no limit."""


class Move(NamedTuple):
    """One step of all runs that are still in the race."""

    walks: int
    """Runs per sample."""
    leap: bool = False
    gone: float = 0.0
    """Share of this round's way back towards the image that is completed."""


def schedule(pace: Pace, steps: int, walks: int) -> tuple[list[Move], list[list[Move]]]:
    """Return the steps of the first round, of up to ``walks`` runs, and of each later round.

    The steps of all runs, and the passes at the start of later rounds, are ``steps`` in all.
    """
    walks = max(min(walks, steps // pace.worth), 1)
    later = _later(pace, steps - min(round(BEGINS * steps), LATEST)) if pace.back else []
    sizes = _field(pace.field, steps - sum(map(paid, later)), walks)
    return _round(sizes, pace.leaps[0]), later


def onwards(pace: Pace, steps: int) -> list[list[Move]]:
    """Return the rounds of runs that start from a fooling point, ``steps`` in all.

    Each begins with a leap. If there are no rounds, all steps lead back to the image.
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
    """Return as many rounds as ``steps`` allow; the last one takes the remainder."""
    lengths: list[int] = []
    while steps >= (length := _leap(pace, len(lengths) + 1) + pace.back):
        lengths.append(length)
        steps -= length
    if lengths:
        lengths[-1] += steps
    return [_round([1] * (n - 1), _leap(pace, at)) for at, n in enumerate(lengths, start=1)]


def paid(moves: list[Move]) -> int:
    """Return the forward passes of a later round: its steps, and one at its start."""
    return len(moves) + 1


def _leap(pace: Pace, number: int) -> int:
    return pace.leaps[number % len(pace.leaps)]


def _round(sizes: list[int], leap: int) -> list[Move]:
    back = max(len(sizes) - leap, 1)
    return [Move(n, at < leap, max(at - leap, 0) / back) for at, n in enumerate(sizes)]
