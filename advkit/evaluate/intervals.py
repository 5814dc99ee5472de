"""Shares with confidence intervals, and robust accuracy as a function of eps."""

import math
from collections.abc import Iterable, Sequence
from fractions import Fraction
from typing import TypedDict

Z95 = 1.959963984540054


class Share(TypedDict):
    """``count`` of ``n`` as a share, with its 95% Wilson interval."""

    value: float
    low: float
    high: float
    count: int
    n: int


def wilson(count: int, n: int, z: float = Z95) -> Share:
    """Return the share ``count / n`` and its score interval (Wilson 1927); n = 0 gives 0 to 1."""
    if n == 0:
        return Share(value=0.0, low=0.0, high=1.0, count=0, n=0)
    p, zz = count / n, z * z
    middle = (p + zz / (2 * n)) / (1 + zz / n)
    half = z / (1 + zz / n) * math.sqrt(p * (1 - p) / n + zz / (4 * n * n))
    low = 0.0 if count == 0 else middle - half
    high = 1.0 if count == n else middle + half
    return Share(value=p, low=low, high=high, count=count, n=n)


def band(n: int) -> float:
    """Return the half width of the simultaneous 95% band of a curve over ``n`` samples.

    By the inequality of Dvoretzky, Kiefer and Wolfowitz with the constant of Massart (1990).
    """
    return min(math.sqrt(math.log(2 / 0.05) / (2 * n)), 1.0) if n else 1.0


def needed(value: float, half: float = 0.02) -> int:
    """Return how many samples make a Wilson interval of ``value`` at most +-``half`` wide."""
    low, high = 1, 1 << 30
    while low < high:
        n = (low + high) // 2
        share = wilson(round(value * n), n)
        low, high = (low, n) if share["high"] - share["low"] <= 2 * half else (n + 1, high)
    return low


def robust_at(distances: Iterable[float], eps: float, n: int) -> Share:
    """Return the share of ``n`` samples that are classified correctly and survive ``eps``.

    ``distances`` holds, for every sample classified correctly when clean, the size of the smallest
    perturbation found, infinity if none was.
    """
    return wilson(sum(distance > eps for distance in distances), n)


def curve(
    distances: Iterable[float], asked: Sequence[float], n: int, most: int = 200
) -> list[tuple[float, Share]]:
    """Return robust accuracy as a step function of eps: (eps, share from there on).

    There is a step at every distance up to the largest eps ``asked`` for; with more than ``most``
    steps every k-th is kept, and every eps asked for.
    """
    found = sorted(distances)
    places = sorted({distance for distance in found if distance <= max(asked)})
    stride = max(math.ceil(len(places) / most), 1)
    kept = sorted({0.0, *places[stride - 1 :: stride], *asked})
    return [(eps, robust_at(found, eps, n)) for eps in kept]


def certified_at(radii: Iterable[float], eps: float, n: int) -> Share:
    """Return the share of ``n`` samples that are certified at ``eps``.

    ``radii`` holds, for every sample classified correctly when clean, the largest eps at which it
    is certified, 0 if none; at eps 0 all of these count.
    """
    return robust_at(_beyond(radii), eps, n)


def certified_curve(
    radii: Iterable[float], asked: Sequence[float], n: int
) -> list[tuple[float, Share]]:
    """Return certified accuracy as a step function of eps, as `curve` does."""
    return curve(_beyond(radii), asked, n)


def _beyond(radii: Iterable[float]) -> list[float]:
    """Return the next larger floats: a proof holds at its radius, an example fools at its size."""
    return [math.nextafter(radius, math.inf) for radius in radii]


def mcnemar(more: int, less: int) -> float:
    """Return the exact two-sided p value of McNemar's test (1947) for paired outcomes.

    ``more`` and ``less`` are the numbers of pairs that differ one way and the other.
    """
    n = more + less
    if not n:
        return 1.0
    tail = sum(math.comb(n, k) for k in range(min(more, less) + 1))
    return min(float(Fraction(2 * tail, 2**n)), 1.0)
