"""The Python interface of `advkit speech`: models and clips by spec, a run directory, its page."""

from pathlib import Path
from typing import Any

from advkit.api.pairing import loaded_for
from advkit.benchmarks.speech_study import SCHEMA, Effort
from advkit.benchmarks.speech_study import speech as study
from advkit.data.samples import Samples
from advkit.data.specs import load_data
from advkit.errors import InputError
from advkit.evaluate.earlier_run import earlier
from advkit.evaluate.fingerprint import environment, now
from advkit.evaluate.run_folder import folder_for, write_json, write_text
from advkit.evaluate.saved_arrays import write_arrays
from advkit.evaluate.sound_files import write_waves
from advkit.evaluate.stage_context import Progress
from advkit.models.specs import input_shape, load_model
from advkit.pages.speech import study_of
from advkit.reports.speech import speech_page

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
    """Run the study of a word recogniser, write ``out`` with its page; return the summary.

    With the bundled model, the bundled digits, a second recogniser, a linear one and one for digit
    strings are used; for other models ``data`` is required. Raises AdvkitError.
    """
    began, own = now(), model.startswith("bundled:spoken-digits")
    if data is None and not own:
        raise InputError(f"{model} has no default clips", "give --data audio:DIR")
    earlier(out, fresh=True, schema=SCHEMA)
    samples = load_data(data or DATA, shape=input_shape(model))
    recogniser = loaded_for(samples, model)
    others = surrogates or ((OTHER,) if own and model != OTHER else ())
    with folder_for(out):
        found, sounds = study(
            recogniser,
            samples,
            learn_on=_learn_on(samples, own),
            others=[loaded_for(samples, name) for name in others],
            linear=load_model(LINEAR) if own and samples.x.shape[1:] == (8000,) else None,
            strings=strings > 0 and own,
            effort=Effort(clips, max(strings, 1), steps),
            seed=seed,
            progress=progress,
        )
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
    """Return clips that are not attacked, if there are any: the bundled training voices."""
    return load_data(LEARN_ON) if own and samples.name.startswith("bundled:spoken") else None
