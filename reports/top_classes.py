"""Bar charts of the top classes of an image, before and after an attack."""

from collections.abc import Sequence

from markupsafe import Markup

from advkit.reports.cards import Guess
from advkit.reports.svg import drawing, element
from advkit.reports.words import short

WIDTH, ROW, TOP, GAP = 290, 30, 22, 20
HALF = (WIDTH - GAP) / 2
RIGHT = {"text_anchor": "end", "font_size": 11}


def likeliest(before: Sequence[Guess], after: Sequence[Guess], label: str, *, name: str) -> Markup:
    """Draw both lists side by side; the true class is marked by a word and by its fill."""
    rows = max(len(before), len(after))
    desc = "; ".join(
        f"{head}: " + ", ".join(f"{one.name} {one.probability:.2f}" for one in guesses)
        for head, guesses in (("before", before), ("after", after))
    )
    title = "The likeliest classes before and after"
    parts = [
        element("text", head, x=x, y=12, class_="axis-name")
        for head, x in (("before", 0), ("after", HALF + GAP))
    ]
    for guesses, x in ((before, 0.0), (after, HALF + GAP)):
        parts += [_bar(one, x, TOP + i * ROW, one.name == label) for i, one in enumerate(guesses)]
    return drawing(name, title, desc, WIDTH, TOP + rows * ROW, *parts)


def _bar(guess: Guess, x: float, y: float, true: bool) -> Markup:
    text = f"{short(guess.name, 16)}{' (true)' if true else ''}"
    width = max(guess.probability * HALF, 1)
    kind = "fill-left" if true else "fill-loss"
    return element(
        "g",
        element("text", text, x=x, y=y + 11, font_size=11),
        element("text", f"{guess.probability:.2f}", x=x + HALF, y=y + 11, **RIGHT),
        element("rect", x=x, y=y + 15, width=HALF, height=6, class_="track"),
        element("rect", x=x, y=y + 15, width=width, height=6, class_=kind),
    )
