"""A stratified subset of samples: the same share of every class."""

from collections import Counter
from collections.abc import Sequence

from advkit.data.samples import Samples, take


def share_of(samples: Samples, limit: int | None) -> Samples:
    """Return the subset of ``samples`` selected by `chosen`."""
    if limit is None or limit >= len(samples.x):
        return samples
    return take(samples, chosen(samples.y.tolist(), limit))


def chosen(labels: Sequence[int], limit: int | None) -> Sequence[int]:
    """Return the positions of ``limit`` samples: the first of each class, in proportion.

    All if there are no more, or without a limit. Shares are rounded by largest remainder
    (Hamilton), so that no class is off by a whole sample.
    """
    if limit is None or limit >= len(labels):
        return range(len(labels))
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
