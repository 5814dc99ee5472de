"""All picture commands for one model, with a common page."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from advkit.api import picturing
from advkit.api.picture_setting import ROBUST, STANDARD, Setting
from advkit.api.request import new_run
from advkit.errors import InapplicableError
from advkit.evaluate.album import Studio
from advkit.evaluate.gallery_run import TITLES
from advkit.evaluate.gallery_run import gallery as page_of
from advkit.models.classifier import Classifier

Part = Callable[[Setting], dict[str, Any]]


def gallery(
    setting: Setting, *, parts: Sequence[str] = tuple(TITLES), quick: bool = False
) -> dict[str, Any]:
    """Run every one of ``parts`` in a folder of its own, and write a page of all of them.

    A part that does not apply, such as dreams of a net without maps, is skipped with a note. With
    ``quick`` few steps are taken. Returns the record of the run. Raises AdvkitError.
    """
    name = setting.model.name if isinstance(setting.model, Classifier) else setting.model
    folder = Path(setting.out) if setting.out else new_run(name, kind="gallery")
    asked = setting._replace(out=folder)
    made: dict[str, dict[str, Any]] = {}
    notes: list[str] = []
    makers = makers_of(name, quick)
    for number, part in enumerate(parts):
        inner = asked._replace(out=folder / part)
        try:
            made[part] = makers[part](inner)
        except InapplicableError as error:
            notes.append(f"{part}: {error}")
        setting.progress("parts", number + 1, len(parts))
    if not made:
        raise InapplicableError(f"no part applies; {notes[0]}", "give --data, or another model")

    def page(at: Studio) -> dict[str, Any]:
        at.record["notes"] += notes
        return page_of(at, made)

    return picturing.made(asked._replace(limit=1), "gallery",
                          {"parts": list(parts), "quick": quick}, (), page)  # fmt: skip


def makers_of(name: str, quick: bool) -> dict[str, Part]:
    """Return the function for each part; robust and standard bundled nets are shown together."""
    steps = 20 if quick else 128
    ours = {ROBUST: STANDARD, STANDARD: ROBUST}.get(name)
    judge = "bundled:fashion-mnist-logistic" if ours else None
    return {
        "visualize": lambda to: picturing.visualize(to, beside=ours, judge=judge, steps=steps,
                                                    best=1),
        "invert": lambda to: picturing.invert(to, images=2 if quick else 4, steps=steps),
        "fool": lambda to: picturing.fool(to, beside=ours, steps=steps),
        "embed": lambda to: picturing.embed(to._replace(limit=60 if quick else 300)),
        "dream": lambda to: picturing.dream(to._replace(limit=1), longest=160 if quick else 320,
                                            steps=3 if quick else 20),
        "style": lambda to: picturing.style(to._replace(limit=1), size=96 if quick else 256,
                                            passes=10 if quick else 100),
    }  # fmt: skip
