"""The fewest entries whose changes, of any size, give several linear functions enough gain.

Without a box there is no bound for the switches of a mixed-integer program, but there is a shorter
way. For the smallest set of entries the columns are independent (a dependent one could be left
out), so that the sufficient changes form a polyhedron with a vertex, at which as many functions
have exactly the required gain as there are entries. All vertices of all sets of one entry are
tried, then of two, and so on.
"""

from collections.abc import Iterator
from itertools import combinations, islice
from math import comb

import numpy as np
from numpy.typing import NDArray

from advkit.errors import UsageError

Floats = NDArray[np.float64]
SETS = 20_000
"""Number of sets of entries tried at once."""
MOST = 100_000_000
"""Maximum number of vertices tried."""


def fewest_moves(slopes: Floats, gains: Floats) -> Floats | None:
    """Return the change (d,) of fewest entries with ``slopes`` (k, d) . change >= ``gains`` (k,).

    Among those of as many entries the shortest in L2. None if no change suffices. Raises UsageError
    if more than a hundred million vertices would be needed.
    """
    from scipy.optimize import linprog

    k, d = slopes.shape
    free = linprog(np.zeros(d), A_ub=-slopes, b_ub=-gains, bounds=(None, None))
    if not free.success:
        return None
    for size in range(1, min(k, d) + 1):
        if comb(d, size) * comb(k, size) > MOST:
            raise UsageError(
                f"L0 to a target takes {size} of {d} entries or more: too many sets to try",
                "keep the box, with which a solver can do it",
            )
        best = min(_enough(slopes, gains, size), key=np.linalg.norm, default=None)
        if best is not None:
            return best
    return np.asarray(free.x)


def _enough(slopes: Floats, gains: Floats, size: int) -> Iterator[Floats]:
    """Yield, for every batch of sets, the shortest sufficient change at a vertex."""
    k, d = slopes.shape
    sets = combinations(range(d), size)
    while batch := list(islice(sets, SETS)):
        index = np.array(batch)
        columns = slopes[:, index].transpose(1, 0, 2)  # (sets, k, size)
        for tight in map(list, combinations(range(k), size)):
            moves, sound = _solved(columns[:, tight], gains[tight])
            short = columns @ moves[:, :, None] < (gains - 1e-9 * (1 + np.abs(gains)))[:, None]
            kept = np.flatnonzero(sound & ~short.any(axis=(1, 2)))
            if len(kept):
                one = kept[np.linalg.norm(moves[kept], axis=1).argmin()]
                move = np.zeros(d)
                move[index[one]] = moves[one]
                yield move


def _solved(columns: Floats, gains: Floats) -> tuple[Floats, NDArray[np.bool_]]:
    """Return the solutions of square systems (n, size, size), and which of them exist."""
    sound: NDArray[np.bool_] = np.abs(np.linalg.det(columns)) > 1e-12
    systems = np.where(sound[:, None, None], columns, np.eye(columns.shape[1]))
    wanted = np.broadcast_to(gains, (len(columns), len(gains)))[:, :, None]
    return np.asarray(np.linalg.solve(systems, wanted)[:, :, 0], np.float64), sound
