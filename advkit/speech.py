"""The study of speech from end to end: models and clips by name, a run directory, its page."""

from pathlib import Path
from typing import Any

import numpy as np

from advkit.benchmarks.speech_study import Effort
from advkit.benchmarks.speech_study import speech as study
from advkit.data.samples import Samples
from advkit.data.specs import load_data
from advkit.errors import InputError
from advkit.evaluate.fingerprint import environment, now
from advkit.evaluate.run_folder import arrays, read_json, write_arrays, write_json, write_text
from advkit.evaluate.sound_files import write_waves
from advkit.evaluate.work import Progress
from advkit.models.specs import input_shape, load_model
from advkit.reports.speech import speech_page
from advkit.reports.speech_tables import Outcome, Played, SpeechStudy, at_each
from advkit.reports.tables import Interval

MODEL, DATA = "bundled:spoken-digits-cnn", "bundled:spoken-digits"
OTHER, LINEAR = "bundled:spoken-digits-small", "bundled:spoken-digits-linear"
LEARN_ON = "bundled:spoken-digits?split=train"


def speech(
    model: str = MODEL,
    data: str | None = None,
    *,
    surrogates: tuple[str, ...] = (),
    clips: int = 30,
    strings: int = 4,
    steps: int = 200,
    seed: int = 0,
    out: Path,
    command: str = "",
    progress: Progress = lambda _what, _done, _total: None,
) -> dict[str, Any]:
    """Run the study of a recogniser of words, write ``out`` with its page; return the summary.

    With the bundled model the bundled digits, a second recogniser, a linear one and one of digit
    strings take part; with a model of one's own ``data`` must be given. Raises AdvkitError.
    """
    began, own = now(), model.startswith("bundled:spoken-digits")
    if data is None and not own:
        raise InputError(f"{model} comes without clips", "say on what: --data audio:DIR")
    samples = load_data(data or DATA, shape=input_shape(model))
    recogniser = load_model(model, classes=samples.classes)
    others = surrogates or ((OTHER,) if own and model != OTHER else ())
    found, sounds = study(
        recogniser,
        samples,
        learn_on=_learn_on(samples, own),
        others=[load_model(name, classes=samples.classes) for name in others],
        linear=load_model(LINEAR) if own and samples.x.shape[1:] == (8000,) else None,
        strings=strings > 0 and own,
        effort=Effort(clips, max(strings, 1), steps),
        seed=seed,
        progress=progress,
    )
    out.mkdir(parents=True, exist_ok=True)
    summary = {
        **found,
        "model": {"name": recogniser.name, "sha256": recogniser.fingerprint(),
                  "parameters": sum(p.numel() for p in recogniser.parameters())},
        "data": {"name": samples.name, "clips": len(samples.ids), "rate": samples.rate},
        "seed": seed, "steps": steps, "command": command, "notes": list(samples.notes),
        "environment": environment(samples.x.device), "started": began, "finished": now(),
    }  # fmt: skip
    write_json(out, "speech.json", summary)
    write_arrays(out / "sounds.npz", **sounds)
    write_waves(out / "sounds", sounds, samples.rate or 0)
    write_text(out, "report.html", speech_page(study_of(summary, sounds)))
    return {**summary, "out": str(out), "report": str(out / "report.html")}


def _learn_on(samples: Samples, own: bool) -> Samples | None:
    """Return clips that are not attacked, where there are any: the bundled training voices."""
    return load_data(LEARN_ON) if own and samples.name.startswith("bundled:spoken") else None


def page_of(folder: Path) -> str:
    """Return the page of the study in ``folder``, made again; raises InputError where is none."""
    summary = read_json(folder, "speech.json")
    if not summary:
        raise InputError(
            f"{folder} holds no study of speech", "advkit speech writes one", code="E313"
        )
    with arrays(folder / "sounds.npz") as saved:
        return speech_page(study_of(summary, dict(saved)))


def study_of(summary: dict[str, Any], sounds: dict[str, np.ndarray]) -> SpeechStudy:
    """Return the table that the page shows."""
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
    """Return what else was tried: what, how quiet, its share if it has one, and what to compare."""
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
