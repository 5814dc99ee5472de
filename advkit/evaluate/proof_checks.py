"""Whether proofs are sound: certified samples are attacked, no example may lie within a proof."""

from collections.abc import Sequence

import pandas as pd

from advkit.attacks import ATTACKS, parse
from advkit.data.samples import take
from advkit.errors import AdvkitError
from advkit.evaluate.measure import measure
from advkit.evaluate.proofs import certified, spaced
from advkit.evaluate.stage_context import Work, distances_by_id, room

SPOT_ATTACK, SPOT_CHECKS = "pgd:steps=20,loss=margin", 8
"""The attack on certified samples, and how many of them it is tried on."""


class UnsoundError(AdvkitError):
    """An attack fooled a certified sample: a bug in the bounds or in the traced model."""


def try_proofs(work: Work, eps: Sequence[float]) -> None:
    """Attack a few certified samples at every eps; raise UnsoundError if one is fooled.

    Other attacks skip certified samples, so only this would detect a wrong proof.
    """
    for value in eps:
        who = certified(work, value)
        part = take(work.samples, spaced(who, SPOT_CHECKS).tolist())
        if not len(part.ids):
            continue
        given = {"eps": value, "norm": work.norm, "seed": work.seed, "ids": part.ids}
        x_adv = parse(SPOT_ATTACK, ATTACKS).attack(work.model, part.x, part.y, **given)
        rows = measure(work.model, part.x, part.y, x_adv, norm=work.norm, eps=value)
        fooled = (rows["fooled"] & rows["valid"]).to_numpy(dtype=bool)
        if fooled.any():
            first = int(fooled.argmax())
            raise _unsound(work, part.ids[first], value, float(rows[work.norm].iloc[first]))


def check_sound(work: Work) -> None:
    """Raise UnsoundError if a valid example lies within the certified radius of its sample."""
    sizes = distances_by_id(work)
    proofs = work.store.frame("proofs")
    best = proofs[proofs["lower"] > 0].groupby("id")["eps"].max()
    both = pd.concat([sizes.rename("size"), best.rename("eps")], axis=1, join="inner")
    broken = both[both["size"] <= both["eps"] - (room(work, 0.0))]
    if len(broken):
        first = broken.iloc[0]
        raise _unsound(work, str(broken.index[0]), first["eps"], first["size"])


def _unsound(work: Work, name: str, eps: float, size: float) -> UnsoundError:
    return UnsoundError(
        f"sample {name} was proved safe within {work.norm} {eps:.6g}, and an example at {size:.6g} "
        "fools the model",
        "no number of this run can be trusted; please report it",
    )
