"""The page of a finished speech study, from its files."""

from pathlib import Path
from typing import Any

import numpy as np

from advkit.errors import InputError
from advkit.evaluate.run_folder import read_json
from advkit.evaluate.saved_arrays import arrays
from advkit.reports.speech import speech_page
from advkit.reports.speech_tables import Outcome, Played, SpeechStudy, at_each
from advkit.reports.tables import Interval


def page_of(folder: Path) -> str:
    """Return the page of the study in ``folder``; raises InputError if there is none."""
    summary = read_json(folder, "speech.json")
    if not summary:
        raise InputError(
            f"{folder} holds no study of speech", "advkit speech writes one", code="E313"
        )
    with arrays(folder / "sounds.npz") as saved:
        return speech_page(study_of(summary, dict(saved)))


def study_of(summary: dict[str, Any], sounds: dict[str, np.ndarray]) -> SpeechStudy:
    """Return the data of the page."""
    return SpeechStudy(
        verdict=summary["verdict"],
        clean=Interval(**summary["clean"]),
        curve=at_each(summary["curve"]),
        outcomes=[Outcome(*row) for row in outcomes(summary)],
        strings=summary.get("strings", {}).get("rows", []),
        played=[
            Played(**row, clean=sounds[f"{row['key']}-clean"],
                   adversarial=sounds[f"{row['key']}-adversarial"])
            for row in summary["played"]
        ],
        rate=summary["data"]["rate"],
        model=summary["model"],
        data=summary["data"],
        environment=summary["environment"],
        command=summary["command"],
        seed=summary["seed"],
        notes=summary["notes"],
        started=summary["started"],
        finished=summary["finished"],
    )  # fmt: skip


def outcomes(summary: dict[str, Any]) -> list[tuple[str, str, Interval | None, str]]:
    """Return further experiments: name, loudness, share if there is one, and the comparison."""
    rows: list[tuple[str, str, Interval | None, str]] = []
    mask = summary["masking"]
    level = "-" if mask["snr"] is None else f"{mask['snr']:.0f} dB"
    rows.append(("chosen word, below masking", level, Interval(**mask["success"]),
                 f"on average {mask['hidden']['mean_excess']:.1f} dB over the masking threshold, "
                 f"{mask['hidden']['share_above']:.0%} of time and frequency above it; the least "
                 f"noise: {mask['plain']['mean_excess']:.1f} dB, "
                 f"{mask['plain']['share_above']:.0%}"))  # fmt: skip
    band = summary["band"]
    low, high = band["band"]
    rows.append((f"chosen word, {low:.0f} to {high:.0f} Hz only", f"{band['snr']:.0f} dB",
                 Interval(**band["success"]), "the band of a telephone"))  # fmt: skip
    room = summary["rooms"]
    rows.append(("chosen word, in a room", f"{room['snr']:.0f} dB", None,
                 f"fooled in {room['averaged']:.0%} of {room['rooms']} fresh rooms by averaging "
                 f"over rooms, without in {room['plain']:.0%} ({room['clips']} clips)",
                 ))  # fmt: skip
    if "universal" in summary:
        one = summary["universal"]
        rows.append(("one sound for all clips", f"{one['snr']:.0f} dB", Interval(**one["success"]),
                     f"learned on {one['learned_on']} other clips; noise as loud: "
                     f"{one['noise']['value']:.0%}"))  # fmt: skip
    for other in summary.get("transfer", ()):
        rows.append((f"made for this, tried on {other['other']}", f"{other['snr']:.0f} dB",
                     Interval(**other["success"]),
                     f"here {other['own']['value']:.0%}; the perturbation played backwards there: "
                     f"{other['backwards']['value']:.0%}"))  # fmt: skip
    if "closed_form" in summary:
        ratio = summary["closed_form"]
        rows.append(("check: a linear recogniser's log-mel", "-", None,
                     f"distances found are {ratio['least']:.4f} to {ratio['most']:.4f} times the "
                     f"exact ones ({ratio['clips']} clips)"))  # fmt: skip
    return rows
