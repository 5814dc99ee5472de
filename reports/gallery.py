"""Before and after: the cards of an audit as pictures, words and numbers."""

from collections.abc import Sequence
from typing import NamedTuple

from advkit.reports.images import (
    LARGEST,
    Bytes,
    Floats,
    data_uri,
    fit,
    gain_for,
    perturbation,
    to_bytes,
    upscale,
)
from advkit.reports.tables import Card
from advkit.reports.words import bare, decimal, eps_text, short, slug

MAX_CARDS = 24
MAX_BYTES = 5_000_000  # of data URIs: photographs reach this before the number of cards


class Picture(NamedTuple):
    """One picture: its data URI, shown at ``width`` x ``height`` CSS pixels, with its words."""

    uri: str
    width: int
    height: int
    pixelated: bool
    alt: str
    head: str
    text: str
    detail: str
    fooled: bool = False


class Shown(NamedTuple):
    """A card as it is shown: an id, three pictures and a caption."""

    name: str
    sample: str
    pictures: Sequence[Picture]
    caption: str
    smaller: str


def gallery(cards: Sequence[Card], norm: str) -> list[Shown]:
    """Return the first cards, as many as the caps on number and bytes allow."""
    shown: list[Shown] = []
    spent = 0
    for index, card in enumerate(cards[:MAX_CARDS]):
        one = _show(card, norm, index)
        spent += sum(len(picture.uri) for picture in one.pictures)
        if shown and spent > MAX_BYTES:
            break
        shown.append(one)
    return shown


def _show(card: Card, norm: str, index: int) -> Shown:
    label = short(card.label)
    before = f"{short(card.clean_prediction)}"
    after = f"{short(card.adversarial_prediction)}"
    delta = card.adversarial - card.clean
    gain = gain_for(delta)
    height, width = card.clean.shape[:2]
    pictures = (
        _clean(card, before, label),
        _change(delta, gain, norm, card.size),
        _adversarial(card, after, label),
    )
    still = "still " if card.adversarial_prediction == card.label else ""
    budget = eps_text(card.eps, norm)
    caption = (
        f"true {label}; {still}read as {after} ({card.adversarial_confidence:.2f});"
        f" {short(bare(card.attack))}, {norm} {budget}"
    )
    first = pictures[0]
    drawn = f"drawn at {first.width} \u00d7 {first.height} of {width} \u00d7 {height} pixels"
    smaller = drawn if max(height, width) > LARGEST else ""
    name = f"image-{index + 1}-{slug(card.sample)}"
    return Shown(name, short(card.sample), pictures, caption, smaller)


def _clean(card: Card, before: str, label: str) -> Picture:
    alt = f"clean: true {label}, read as {before} ({card.clean_confidence:.2f})"
    wrong = card.clean_prediction != card.label
    detail = f"{card.clean_confidence:.2f}"
    return _picture(to_bytes(card.clean), alt, "clean", before, detail, wrong)


def _change(delta: Floats, gain: float, norm: str, size: float) -> Picture:
    factor, length = f"\u00d7{decimal(gain)}", f"{norm} {decimal(size)}"
    alt = f"perturbation, {factor}, mid-grey = 0; {length}"
    head = f"change {factor}"
    return _picture(perturbation(delta, gain), alt, head, "mid-grey = 0", length, False)


def _adversarial(card: Card, after: str, label: str) -> Picture:
    alt = f"adversarial: true {label}, read as {after} ({card.adversarial_confidence:.2f})"
    wrong = card.adversarial_prediction != card.label
    detail = f"{card.adversarial_confidence:.2f}"
    return _picture(to_bytes(card.adversarial), alt, "adversarial", after, detail, wrong)


def _picture(levels: Bytes, alt: str, head: str, text: str, detail: str, fooled: bool) -> Picture:
    small = fit(levels)
    height, width = small.shape[:2]
    factor = upscale(height, width)
    return Picture(
        data_uri(small),
        width * factor,
        height * factor,
        factor > 1,
        alt,
        head,
        text,
        detail,
        fooled,
    )
