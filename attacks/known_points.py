"""Attacks that start from known fooling points."""

from collections.abc import Mapping
from functools import partial

import torch
from torch import Tensor

from advkit.attacks.higher_order import Call, attack_from, face_of, text_of
from advkit.attacks.options import STARTS, Attack, goes_on
from advkit.errors import UsageError


def from_known(attack: Attack, points: Mapping[str, Tensor]) -> Attack:
    """Return ``attack`` starting from ``points`` (...), one for each sample by its id.

    The attack must have `STARTS`; a sample that is its own point starts as usual. Raises UsageError
    for an attack without; the attack raises KeyError for a sample without a point.
    """
    if not goes_on(attack):
        raise UsageError(
            f"{face_of(attack).card.name} always starts at the image",
            "race can start from known points",
        )
    face = face_of(attack)

    def body(call: Call) -> Tensor:
        starts = torch.stack([points[name] for name in call.ids]).to(call.x)
        return call.run(partial(attack, **{STARTS: starts}))

    card = face.card
    return attack_from(
        body,
        face,
        name=card.name,
        minimum_norm=card.minimum_norm,
        text=text_of(
            f"Return what {card.name} finds when it continues from known points.",
            "Where a point does not fool, it starts as usual.",
            face,
            face.cost,
            use=card.use,
            fails=card.fails,
        ),
    )
