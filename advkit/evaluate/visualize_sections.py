"""The sections of the page of `advkit visualize`, from the images that were made."""

from collections.abc import Sequence
from typing import Any

from advkit.evaluate.album import Studio, group
from advkit.evaluate.intervals import wilson
from advkit.insight.stimuli import Stimulus
from advkit.models.classifier import Classifier
from advkit.numbers import several

LIMITS = (
    "The pictures show the net, not the world: without the added prior a person would recognise "
    "nothing.",
    "A high score does not make a good likeness. Where another net judged the pictures, its "
    "result is given; no person judged them.",
    "A different seed or recipe gives a different picture of the same class.",
)  # fmt: skip


Shown = list[dict[str, str]]


def strips_of(goals: Sequence[Stimulus], series: Sequence[tuple[str, list[Shown]]]) -> list[Any]:
    """Return one strip per net and rank, with one column per target."""
    strips = []
    for name, columns in series:
        for rank in range(max(len(column) for column in columns)):
            pictures = [
                {**column[rank], "head": _head(one, column[rank]["head"])}
                for one, column in zip(goals, columns, strict=True)
            ]
            caption = name if len(columns[0]) == 1 else f"{name}, {rank + 1}"
            strips.append({"name": caption, "caption": caption, "pictures": pictures})
    return strips


def _head(one: Stimulus, head: str) -> str:
    return f"{one.name}: dead" if head == "dead" else one.name


def risen(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return the section with the score over the steps, for the first five targets."""
    lines = [(row["name"], list(enumerate(row["made"][0]["values"]))) for row in rows[:5]]
    return group("steps", "How the score rose", "", chart={
        "title": "Score by step, of the image as it was moved about", "across": "steps",
        "up": "score", "lines": lines, "reading": "The picture is shifted, rotated and scaled by "
                                                  "a different amount at each step: the line is "
                                                  "not smooth, and lies below the score of the "
                                                  "picture."})  # fmt: skip


def dead(rows: Sequence[dict[str, Any]]) -> list[str]:
    """Return a note about targets without a gradient, if there are any."""
    found = [row["name"] for row in rows if all(told["dead"] for told in row["made"])]
    return [f"dead: {', '.join(found)}: gradient exactly 0 at every start"] if found else []


def weaker(names: Sequence[str], steps: int) -> str:
    """Return a note about targets that an image of the data excites more."""
    if not names:
        return ""
    return (f" An image of the data excites {', '.join(names)} more than what was made in "
            f"{several(steps, 'step')}: take more steps.")  # fmt: skip


def verdict_of(
    at: Studio, goals: Sequence[Stimulus], rows: Sequence[dict[str, Any]], judge: Classifier | None
) -> tuple[str, str]:
    """Return the headline and the text below it."""
    count = sum(len(row["made"]) for row in rows)
    name = at.model.name
    asked = [(row["judged"], at.names[row["class"]]) for row in rows if row["class"] is not None]
    verdict = (
        f"{several(count, 'picture')} that maximise{'s' * (count == 1)} "
        f"{several(len(goals), 'target')} of {name}."
    )
    lead = "Each picture was made by following the gradient of one score; captions give the score."
    if judge is not None and asked:
        right = sum(each == wanted for judged, wanted in asked for each in judged)
        n = sum(len(judged) for judged, _ in asked)
        share = wilson(right, n)
        verdict += f" {judge.name}, which was not involved, classifies {right} of {n} as intended."
        lead += (
            f" Share classified as intended: {share['value']:.0%}, 95% interval "
            f"{share['low']:.0%} to {share['high']:.0%}."
        )
    return verdict, lead
