"""Examples made on ensembles of nets, evaluated on a held-out net."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from advkit.attacks import Member
from advkit.benchmarks.transfer_measures import Clean, Pair, difference, mean_share, pair
from advkit.benchmarks.transfer_runs import Key, Net, Setting, run_source
from advkit.models.ensemble import ensemble_of

HELD_OUT = 5  # targets, at most
IMAGES = 80  # at most, of those that all nets classify correctly


def ensemble_gain(
    setting: Setting, nets: Sequence[Net], member: Member, clean: Clean
) -> list[dict[str, Any]]:
    """Return the success on held-out targets per number of sources, from 1 to all other nets.

    The targets are standard nets, evenly spaced; for each, sources are added in a random order. The
    same images are used for every number: those that all nets classify correctly.
    """
    who = np.zeros(len(clean.y), dtype=bool)
    sources = [i for i, net in enumerate(nets) if net.source]
    who[np.flatnonzero(clean.right[sources].all(0))[:IMAGES]] = True
    if not who.any() or len(sources) < 3:
        return []
    found: dict[int, list[Pair]] = {}
    for target in held_out(nets):
        others = np.random.default_rng([setting.seed, target]).permutation(
            [i for i in sources if i != target]
        )
        for k in range(1, len(others) + 1):
            chosen = [nets[int(i)].model for i in others[:k]]
            name = f"{k} without {nets[target].name}"
            source = Net(name, "ensemble", ensemble_of(chosen, name))
            read, _ = run_source(setting, source, [member], [setting.main], nets, who=who)
            one = read[Key(name, member.label, setting.main)]
            found.setdefault(k, []).append(pair(clean, one, who, target, False))
    return list(_rows(found, setting.seed))


def held_out(nets: Sequence[Net]) -> list[int]:
    """Return the indices of the nets that are targets of ensembles."""
    standard = [i for i, net in enumerate(nets) if net.source and not net.robust]
    places = np.unique(np.linspace(0, len(standard) - 1, min(HELD_OUT, len(standard))).round())
    return [standard[int(place)] for place in places]


def _rows(found: dict[int, list[Pair]], seed: int) -> Iterator[dict[str, Any]]:
    for k, pairs in found.items():
        success = mean_share(pairs, seed)
        if success and len(pairs) == len(found[1]):
            over = difference(pairs, found[1], seed)
            yield {"sources": k, "success": success, "over_one": over}
