"""The page of a finished audit, from its files."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from advkit.attacks import ATTACKS, attack_card
from advkit.data.samples import class_name
from advkit.evaluate.finished_audit import read_run
from advkit.evaluate.run_folder import read_json, write_text
from advkit.evaluate.saved_arrays import arrays
from advkit.reports import audit_page
from advkit.reports.cards import Card, Guess
from advkit.reports.speech_tables import Played
from advkit.reports.tables import (
    AttackRow,
    Audit,
    Bracket,
    Breakdown,
    Check,
    Courses,
    Interval,
    Proofs,
    Trust,
    interval_of,
)
from advkit.reports.threat_taxonomies import mapped
from advkit.reports.words import bare


def write_report(folder: Path) -> Path:
    """Write `report.html` into the run directory; return its path."""
    return write_text(folder, "report.html", page_of(folder))


def page_of(folder: Path) -> str:
    """Return the page of the audit in ``folder``; raises InputError if it is none."""
    run = read_run(folder)
    classes = run["model"]["classes"]
    return audit_page(audit_of(run), *shown_of(folder, classes))


def audit_of(run: Mapping[str, Any]) -> Audit:
    """Return the data of the page from a summary by `summarise`."""
    return Audit(
        clean=Interval(**run["clean"]),
        robust=_by_eps(run["robust"]),
        curve=_by_eps(run["curve"]),
        added={row["eps"]: row["added"] for row in run["robust"]},
        attacks=[AttackRow(**row) for row in run["attacks"]],
        maps_to=_maps_to(run["options"]),
        trust=_trust(run["trust"]) if "trust" in run else None,
        breakdown=_breakdown(run) if "by_class" in run else None,
        bracket=_bracket(run["bracket"]) if "bracket" in run else None,
        band=run.get("band"),
        needed=run.get("needed"),
        **{
            name: run[name]
            for name in (
                "verdict", "model", "data", "norm", "suite", "seed", "command", "environment",
                "notes", "started", "finished",
            )
        },
    )  # fmt: skip


def _trust(told: Mapping[str, Any]) -> Trust:
    checks = [Check(**check) for check in told["checks"]]
    courses = Courses(**told["courses"]) if told.get("courses") else None
    return Trust(told["overall"], told["headline"], checks, courses)


def _breakdown(run: Mapping[str, Any]) -> Breakdown:
    name, at = partial(class_name, run["model"]["classes"]), run["distances"]
    picked = {
        key: [(one["id"], name(one["label"]), one["distance"]) for one in run[key]]
        for key in ("easiest", "hardest")
    }
    return Breakdown(
        by_class=[
            (name(row["class"]), Interval(**row["clean"]), [Interval(**r) for r in row["robust"]])
            for row in run["by_class"]
        ],
        confusion=[
            (name(row["label"]), name(row["read_as"]), row["images"]) for row in run["confusion"]
        ],
        distances=at["counts"],
        # Runs of older versions have equal bins.
        edges=at.get("edges") or np.linspace(0, at["high"], len(at["counts"]) + 1).tolist(),
        beyond=at["beyond"],
        **picked,
    )


def _bracket(told: Mapping[str, Any]) -> Bracket:
    names = ("eps", "fooled", "open", "tried", "passes", "seconds", "why")
    rows = zip(told["certified"], _by_eps(told["certified"]), strict=True)
    by_eps = [
        Proofs(certified=share, **{name: row[name] for name in names}) for row, (_, share) in rows
    ]
    return Bracket(told["why"], by_eps, _by_eps(told["curve"]))


def _maps_to(labels: Iterable[str]) -> dict[str, str]:
    names = [name for name in map(bare, labels) if name in ATTACKS]
    return mapped(attack_card(name, ATTACKS[name]).knows for name in names)


def _by_eps(rows: Sequence[Mapping[str, Any]]) -> list[tuple[float, Interval]]:
    return [(row["eps"], interval_of(row)) for row in rows]


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
