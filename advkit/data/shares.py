"""Some of many samples: of every class in its share."""

from collections import Counter
from collections.abc import Sequence


def chosen(labels: Sequence[int], limit: int) -> list[int]:
    """Return the positions of ``limit`` samples: the first of each class, in its share of all.

    Shares are rounded by largest remainder (Hamilton), so that no class is off by a whole sample.
    """
    counts = Counter(labels)
    exact = {name: limit * count / len(labels) for name, count in counts.items()}
    quota = {name: int(share) for name, share in exact.items()}
    rest = sorted(counts, key=lambda name: (quota[name] - exact[name], name))
    for name in rest[: limit - sum(quota.values())]:
        quota[name] += 1
    kept = []
    for position, name in enumerate(labels):
        if quota[name]:
            quota[name] -= 1
            kept.append(position)
    return kept
