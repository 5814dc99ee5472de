"""The saliency maps of an audit's examples, before and after the attack."""

from collections.abc import Sequence

import numpy as np

from advkit.reports.cards import Card
from advkit.reports.heat import Scale, heat_uri, scale_of
from advkit.reports.images import SMALL, to_bytes
from advkit.reports.strips import Strip, framed, sized
from advkit.reports.words import decimal, short

MOST, MOST_LARGE = 6, 4


def looks(cards: Sequence[Card]) -> list[Strip]:
    """Return a row for each of the first cards: image, map, example, its map, the difference.

    All maps have one scale. Empty if the run saved no maps, or they are 0.
    """
    having = [card for card in cards if card.maps is not None and np.any(card.maps)]
    large = any(max(card.clean.shape[:2]) > SMALL for card in having)
    shown = having[: MOST_LARGE if large else MOST]
    if not shown:
        return []
    scale = scale_of(np.stack([one for card in shown for one in card.maps or ()]), signed=False)
    return [_strip(card, i, scale) for i, card in enumerate(shown)]


def _strip(card: Card, at: int, scale: Scale) -> Strip:
    assert card.maps is not None  # noqa: S101
    before, after = card.maps
    label = short(card.label)
    ends = [
        framed(to_bytes(image), head, short(guess.name), "", f"{head}: predicted {guess.name}")
        for image, head, guess in ((card.clean, "clean", card.before[0]),
                                   (card.adversarial, "adversarial", card.after[0]))
    ]  # fmt: skip
    moved = Scale(True, scale.high)
    maps = [
        sized(heat_uri(values, one), values.shape, head, text, "", f"{head}: {text}")
        for values, one, head, text in (
            (before, scale, "map before", f"peak {decimal(float(before.max()))}"),
            (after, scale, "map after", f"peak {decimal(float(after.max()))}"),
            (after - before, moved, "after minus before", f"Spearman {card.likeness:.2f}"),
        )
    ]
    caption = f"what the logit of {label} depends on, up to {decimal(scale.high)} (the lightest)"
    return Strip(f"look-{at + 1}", short(card.sample), caption,
                 [ends[0], maps[0], ends[1], maps[1], maps[2]])  # fmt: skip
