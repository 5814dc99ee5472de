"""A study of linearity in files: its tables as CSV, its summary as JSON, and its page."""

from pathlib import Path
from typing import Any

import torch

from advkit.benchmarks.linear_images import Exhibit
from advkit.benchmarks.linear_parts import Study
from advkit.benchmarks.linear_pictures import Picture
from advkit.benchmarks.linearity import Progress, study
from advkit.data.samples import Samples, fingerprint
from advkit.evaluate.fingerprint import environment, now
from advkit.evaluate.run_folder import write_json, write_text
from advkit.rendering import card_of
from advkit.reports import Card, Linearity, Shot, linearity_page
from advkit.reports.linearity import headline

SCHEMA = "advkit/linearity/1"


def write_study(
    samples: Samples, out: Path, *, command: str = "", progress: Progress, **options: Any
) -> dict[str, Any]:
    """Measure (`benchmarks.linearity.study`, its ``options``) and write into ``out``.

    `report.html`; a CSV file per table; `run.json`, which is returned. Raises UsageError and
    InputError.
    """
    started = now()
    found = study(samples, progress=progress, **options)
    out.mkdir(parents=True, exist_ok=True)
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
    """Return a study as its page takes it."""
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
