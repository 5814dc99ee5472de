"""The examples that an audit saved for its page: images, or sounds."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from advkit.data.samples import class_name
from advkit.evaluate.record_fields import Schema, check_fields
from advkit.evaluate.run_folder import read_json
from advkit.evaluate.saved_arrays import arrays
from advkit.pages.field_types import MEASURED, NUMBER, TEXT, either, rows
from advkit.reports.cards import Card, Guess
from advkit.reports.speech_tables import Played
from advkit.reports.words import bare

GUESS: dict[str, Schema] = {"class": {"type": "integer"}, "probability": MEASURED}
GUESSES = {"minItems": 1, **rows(**GUESS)}
CARDS = rows(
    sample=TEXT, label={"type": "integer"}, attack=TEXT, eps=either("number", "null"), size=NUMBER,
    sizes={"type": "object", "additionalProperties": NUMBER}, before=GUESSES, after=GUESSES,
    margins={"type": "array", "items": MEASURED},
)  # fmt: skip


class Shown(NamedTuple):
    """The saved examples: images, or sounds and their rate."""

    cards: list[Card] = []  # noqa: RUF012
    clips: list[Played] = []  # noqa: RUF012
    rate: int = 0


def shown_of(folder: Path, classes: Sequence[str]) -> Shown:
    """Return the images or sounds that the run saved for its page; empty if there are none."""
    told = read_json(folder, "cards.json")
    if not told:
        return Shown()
    check_fields(told, CARDS, folder / "cards.json")
    with arrays(folder / "cards.npz") as saved:
        ends = list(zip(saved["clean"], saved["adversarial"], strict=True))
        if "rate" in saved:
            clips = [_played(i, row, *both, classes)
                     for i, (row, both) in enumerate(zip(told, ends, strict=True))]  # fmt: skip
            return Shown(clips=clips, rate=int(saved["rate"]))
        maps = _looks(saved, len(ends))
    cards = [card_of(one, _picture(clean), _picture(adversarial), classes)
             for one, (clean, adversarial) in zip(told, ends, strict=True)]  # fmt: skip
    return Shown([replace(card, **look) for card, look in zip(cards, maps, strict=True)])


def _looks(saved: Mapping[str, np.ndarray], n: int) -> list[dict[str, Any]]:
    """Return the saliency maps of each card; empty if the run saved none."""
    if "map_clean" not in saved:
        return [{}] * n
    columns = (saved[name] for name in ("map_clean", "map_adversarial", "likeness"))
    return [{"maps": (a, b), "likeness": float(c)} for a, b, c in zip(*columns, strict=True)]


def _played(
    index: int, told: Mapping[str, Any], clean: np.ndarray, adversarial: np.ndarray,
    classes: Sequence[str],
) -> Played:  # fmt: skip
    said = class_name(classes, told["label"])
    before, after = (class_name(classes, told[at][0]["class"]) for at in ("before", "after"))
    change = max(float(np.square(adversarial - clean).sum()), 1e-20)
    level = 10 * np.log10(max(float(np.square(clean).sum()), 1e-20) / change)
    why = f"{told['why']} to fool: " if told.get("why") else ""
    return Played(
        key=str(index), kind="audit", id=told["sample"], said=said, wanted="", before=before,
        after=after, sure=told["after"][0]["probability"], snr=level, clean=clean,
        adversarial=adversarial,
        title=f"{why}said {said}, heard as {after}; {bare(told['attack'])}, {level:.0f} dB below",
    )  # fmt: skip


def _picture(image: np.ndarray) -> np.ndarray:
    return image.transpose(1, 2, 0)


def card_of(
    told: Mapping[str, Any], clean: np.ndarray, adversarial: np.ndarray, classes: Sequence[str]
) -> Card:
    """Return the card of an image and its example (both (H, W, C)), from `report_examples`."""
    name = partial(class_name, classes)

    def guesses(at: str) -> list[Guess]:
        return [Guess(name(one["class"]), one["probability"]) for one in told[at]]

    return Card(
        sample=told["sample"],
        label=name(told["label"]),
        clean=clean,
        adversarial=adversarial,
        before=guesses("before"),
        after=guesses("after"),
        margins=told["margins"],
        attack=told["attack"],
        eps=told["eps"],
        size=told["size"],
        sizes=told["sizes"],
        why=told.get("why", ""),
    )
