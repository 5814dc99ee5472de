"""The Python interface of `advkit linearity`: tables as CSV, a summary as JSON, and a page."""

from pathlib import Path
from typing import Any

import torch

from advkit.api.checking import check_choice, check_numbers, check_words
from advkit.api.pairing import paired_with_all
from advkit.api.request import new_run
from advkit.benchmarks.linear_images import Exhibit
from advkit.benchmarks.linear_parts import PARTS, Study
from advkit.benchmarks.linear_pictures import Picture
from advkit.benchmarks.linearity import DATA, Progress, study
from advkit.data.python_data import Data, given
from advkit.data.samples import fingerprint
from advkit.evaluate.earlier_run import earlier
from advkit.evaluate.fingerprint import environment, now
from advkit.evaluate.run_folder import folder_for, write_json, write_text
from advkit.pages.exhibits import card_of
from advkit.reports import Card, Linearity, Shot, linearity_page
from advkit.reports.linearity import headline

SCHEMA = "advkit/linearity/1"


def linearity(
    data: Data = DATA,
    *,
    limit: int | None = None,
    out: str | Path | None = None,
    command: str = "",
    progress: Progress = lambda _what, _done, _total: None,
    **options: Any,
) -> dict[str, Any]:
    """Show why linear models are fooled, and how linear nets are; write the directory ``out``.

    ``options`` (classes, models, parts, decay, eps, seed) are those of
    `advkit.benchmarks.linearity.study`. Writes `report.html`, a CSV file per table, and `run.json`,
    which is returned. Raises UsageError and InputError.

    >>> found = advkit.linearity(parts=["numbers"], limit=100)
    >>> print(found["headline"])
    A linear model is fooled by small changes that add up.
    """
    started = now()
    check_words(study, options)
    check_numbers(seed=options.get("seed"))
    for part in options.get("parts", ()):
        check_choice("parts", part, PARTS)
    if out is not None:
        earlier(Path(out), fresh=True, schema=SCHEMA)
    models = options.pop("models", ())
    if models:
        samples, models = paired_with_all(models, data, limit)
    else:
        samples = given(data, limit)
    out = Path(out) if out else new_run(samples.name, kind="linearity")
    with folder_for(out):
        found = study(samples, progress=progress, models=models, **options)
    for name, table in found.tables.items():
        write_text(out, f"{name}.csv", table.to_csv(index=False))
    page = page_of(found, command, started)
    path = write_text(out, "report.html", linearity_page(page))
    summary = {
        "schema": SCHEMA, "headline": headline(page), "command": command, "started": started,
        "finished": now(), **found.about, "data_sha256": fingerprint(samples),
        "tables": {name: f"{name}.csv" for name in found.tables}, "notes": found.notes,
        "environment": dict(page.environment), "out": str(out), "report": str(path),
    }  # fmt: skip
    write_json(out, "run.json", summary)
    return summary


def page_of(found: Study, command: str, started: str) -> Linearity:
    """Return the data of the page of a study."""
    return Linearity(
        about=found.about,
        tables=found.tables,
        cards={name: [_card(one) for one in shown] for name, shown in found.exhibits.items()},
        shots=[_shot(one) for one in found.pictures],
        notes=found.notes,
        command=command or "advkit linearity",
        environment=environment(torch.device("cpu")),
        started=started,
    )


def _card(one: Exhibit) -> Card:
    clean, adversarial = (part.numpy().transpose(1, 2, 0) for part in (one.clean, one.adversarial))
    return card_of(one.told, clean, adversarial, one.classes)


def _shot(one: Picture) -> Shot:
    pixels = one.pixels.double().numpy().transpose(1, 2, 0)
    return Shot(one.group, one.head, one.text, one.detail, one.signed, pixels)
