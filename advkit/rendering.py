"""From a finished run to its page: picks the images to show and fills the tables of the report."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from advkit.data.samples import Samples
from advkit.evaluate.store import Store
from advkit.evaluate.work import LINE_SEARCH
from advkit.reports import audit_page
from advkit.reports.tables import AttackRow, Audit, Card, Interval

CARDS = 12


def write_report(store: Store, summary: Mapping[str, Any], samples: Samples) -> Path:
    """Write `report.html` into the run directory; return its path."""
    audit = audit_of(summary)
    cards = list(cards_of(store, samples, audit.norm, summary["model"]["classes"]))
    return store.write_text("report.html", audit_page(audit, cards))


def audit_of(summary: Mapping[str, Any]) -> Audit:
    """Return the table of a summary as `summarise` made it."""
    return Audit(
        clean=Interval(**summary["clean"]),
        robust=_by_eps(summary["robust"]),
        curve=_by_eps(summary["curve"]),
        added={row["eps"]: row["added"] for row in summary["robust"]},
        attacks=[AttackRow(**row) for row in summary["attacks"]],
        **{
            name: summary[name]
            for name in (
                "verdict", "model", "data", "norm", "suite", "seed", "command", "environment",
                "notes", "started", "finished",
            )
        },
    )  # fmt: skip


def _by_eps(rows: Sequence[Mapping[str, Any]]) -> list[tuple[float, Interval]]:
    return [
        (row["eps"], Interval(**{name: row[name] for name in Interval.__dataclass_fields__}))
        for row in rows
    ]


def cards_of(store: Store, samples: Samples, norm: str, classes: Sequence[str]) -> Iterator[Card]:
    """Yield up to 12 images with the smallest example that an attack found, classes in turn.

    Those of the line search lie on the boundary and show the least that fools, not an attack.
    """
    if samples.x.ndim != 4 or samples.x.shape[1] not in (1, 3):
        return
    clean = store.frame("samples").set_index("id")
    results = store.frame("results")
    shown = results["fooled"] & results["valid"] & (results["attack"] != LINE_SEARCH)
    fooled = results[shown].sort_values([norm, "attack"])
    nearest = fooled.drop_duplicates("id").assign(position=lambda f: f["id"].map(clean["position"]))
    for _, row in _in_turn(nearest).head(CARDS).iterrows():
        yield _card(store, samples, row, clean.loc[row["id"]], norm, classes)


def _in_turn(rows: pd.DataFrame) -> pd.DataFrame:
    """Return rows so that every class comes once before any comes twice."""
    rows = rows.sort_values("position")
    return rows.assign(turn=rows.groupby("label").cumcount()).sort_values(["turn", "label"])


def _card(
    store: Store,
    samples: Samples,
    row: pd.Series,
    clean: pd.Series,
    norm: str,
    classes: Sequence[str],
) -> Card:
    def name(index: int) -> str:
        return classes[index] if index < len(classes) else f"class {index}"

    example = store.example(str(row["shard"]), int(row["row"]))
    return Card(
        sample=str(row["id"]),
        label=name(int(row["label"])),
        clean=_picture(samples.x[int(row["position"])].cpu().numpy()),
        adversarial=_picture(example),
        clean_prediction=name(int(clean["prediction"])),
        clean_confidence=float(clean["confidence"]),
        adversarial_prediction=name(int(row["prediction"])),
        adversarial_confidence=float(row["confidence"]),
        attack=str(row["attack"]),
        eps=float(row["eps"]),
        size=float(row[norm]),
    )


def _picture(image: np.ndarray) -> np.ndarray:
    return image.transpose(1, 2, 0)
