"""The examples of an audit: images before and after, with their data."""

from collections.abc import Sequence
from typing import NamedTuple

from markupsafe import Markup

from advkit.reports.cards import Card, Guess
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
from advkit.reports.lines import Line, line_chart
from advkit.reports.parts import Fact
from advkit.reports.top_classes import WIDTH, likeliest
from advkit.reports.words import bare, decimal, eps_text, short, slug

MAX_CARDS = 24
MAX_BYTES = 5_000_000  # of data URIs: photographs reach this before the number of cards


class Picture(NamedTuple):
    """One image: its data URI, size in CSS pixels, and its captions."""

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
    """A card as shown: an id, three images, a caption, and details."""

    name: str
    sample: str
    pictures: Sequence[Picture]
    caption: str
    smaller: str
    colour: bool
    guesses: Markup
    way: Markup
    sizes: Sequence[Fact]


def gallery(cards: Sequence[Card], norm: str) -> list[Shown]:
    """Return the first cards, within the limits on number and bytes."""
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
    before, after = card.before[0], card.after[0]
    delta = card.adversarial - card.clean
    gain = gain_for(delta)
    height, width = card.clean.shape[:2]
    pictures = (
        _end("clean", card.clean, before, card.label),
        _change(delta, gain, norm, card.size),
        _end("adversarial", card.adversarial, after, card.label),
    )
    first = pictures[0]
    drawn = f"drawn at {first.width} \u00d7 {first.height} of {width} \u00d7 {height} pixels"
    smaller = drawn if max(height, width) > LARGEST else ""
    name = f"image-{index + 1}-{slug(card.sample)}"
    return Shown(
        name,
        short(card.sample),
        pictures,
        _caption(card, norm),
        smaller,
        colour=card.clean.shape[2] == 3,
        guesses=likeliest(card.before, card.after, card.label, name=f"{name}-guesses"),
        way=_way(card, name),
        sizes=[Fact(norm, decimal(size)) for norm, size in card.sizes.items()],
    )


def _caption(card: Card, norm: str) -> str:
    after = card.after[0]
    still = "still " if after.name == card.label else ""
    budget = "nearest" if card.eps is None else eps_text(card.eps, norm)
    why = f"{card.why} to fool: " if card.why else ""
    return (
        f"{why}true {short(card.label)}; {still}predicted {short(after.name)}"
        f" ({after.probability:.2f}); {short(bare(card.attack))}, {norm} {budget}"
    )


def _way(card: Card, name: str) -> Markup:
    """Draw the margin along the line from the image to its example."""
    last = max(len(card.margins) - 1, 1)
    points = [(100 * i / last, margin) for i, margin in enumerate(card.margins)]
    crossed = next((x for x, margin in points if margin > 0), None)
    where = f"above 0 from {crossed:.0f}% on" if crossed is not None else "never above 0"
    return line_chart(
        [Line("margin", points)],
        name=f"{name}-way",
        title="The margin along the straight line from clean to adversarial",
        desc=f"from {decimal(points[0][1])} to {decimal(points[-1][1])}; {where}",
        across="% of the perturbation",
        up="margin (logits)",
        width=WIDTH,
        zero="misclassified above",
    )


def _end(head: str, image: Floats, guess: Guess, label: str) -> Picture:
    read, sure = short(guess.name), f"{guess.probability:.2f}"
    alt = f"{head}: true {short(label)}, predicted {read} ({sure})"
    return picture(to_bytes(image), alt, head, read, sure, guess.name != label)


def _change(delta: Floats, gain: float, norm: str, size: float) -> Picture:
    factor, length = f"\u00d7{decimal(gain)}", f"{norm} {decimal(size)}"
    alt = f"perturbation, {factor}, mid-grey = 0; {length}"
    head = f"change {factor}"
    return picture(perturbation(delta, gain), alt, head, "mid-grey = 0", length, False)


def picture(levels: Bytes, alt: str, head: str, text: str, detail: str, fooled: bool) -> Picture:
    """Return an 8-bit image with its captions, resized for display."""
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
