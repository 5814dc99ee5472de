"""The whole speech study: all parts, their summary, and sounds to play."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from advkit.benchmarks.speech import GOAL, SNRS, Curve, Study, begin, quietest
from advkit.benchmarks.speech_conditions import (
    banded,
    closed_form,
    hidden,
    in_rooms,
    one_for_all,
    transferred,
)
from advkit.benchmarks.speech_strings import misheard_strings
from advkit.data.samples import Samples, class_name, take
from advkit.evaluate.intervals import wilson
from advkit.evaluate.stage_context import Progress
from advkit.models.classifier import Classifier

SCHEMA = "advkit/speech/1"
PLAYED = 4
"""Number of playable clips of each kind."""


class Effort(NamedTuple):
    """Cost of the study: attacked clips, strings, and steps of an attack."""

    clips: int = 30
    strings: int = 4
    steps: int = 200


def speech(
    model: Classifier,
    samples: Samples,
    *,
    learn_on: Samples | None,
    others: Sequence[Classifier] = (),
    linear: Classifier | None = None,
    strings: bool = False,
    effort: Effort = Effort(),  # noqa: B008
    seed: int = 0,
    progress: Progress = lambda _what, _done, _total: None,
) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Return the numbers of the study and its sounds: waveforms by name, in [-1, 1].

    ``learn_on`` are other clips for the universal perturbation, ``others`` independently trained
    recognisers, ``linear`` one of the architecture logmel_linear, for the check by closed form;
    ``strings`` adds the recogniser of digit strings. Raises UsageError, InputError, EmptyError.
    """
    study, clean = begin(model, samples, clips=effort.clips, seed=seed, progress=progress)
    chosen = quietest(study, study.targets, effort.steps)
    anything = quietest(study, None, effort.steps // 2)
    found: dict[str, Any] = {
        "schema": SCHEMA,
        "clean": clean,
        "attacked": len(study.right.ids),
        "curve": [_at(snr, chosen, anything) for snr in SNRS],
    }
    sounds: dict[str, np.ndarray] = {}
    played = _played(study, chosen.x_adv, chosen.snr, "least", sounds)
    few = study.first(2 * PLAYED)
    found["masking"], x_adv = hidden(few, chosen, effort.steps)
    played += _played(few, x_adv, few.judged(x_adv, few.targets)[1], "masked", sounds)
    parts = _conditions(study, learn_on, others, linear, effort.steps)
    for i, (name, run) in enumerate(parts.items()):
        found[name] = run()
        progress("other conditions", i + 1, len(parts))
    if strings:
        found["strings"], x, made = misheard_strings(effort.strings, effort.steps, seed)
        progress("digit strings", 1, 1)
        played += _strings_played(found["strings"]["rows"], x, made, sounds)
    found["played"] = played
    found["verdict"] = verdict(found)
    return found, sounds


def _conditions(
    study: Study,
    learn_on: Samples | None,
    others: Sequence[Classifier],
    linear: Classifier | None,
    steps: int,
) -> dict[str, Callable[[], Any]]:
    """Return, by name, the functions that measure success under other conditions."""
    parts: dict[str, Callable[[], Any]] = {
        "band": lambda: banded(study.first(2 * PLAYED), steps // 2),
        "rooms": lambda: in_rooms(study.first(3), steps // 4, 8),
    }
    if learn_on is not None:
        base = take(learn_on, range(0, len(learn_on.ids), max(len(learn_on.ids) // 60, 1)))
        parts["universal"] = lambda: one_for_all(study, base, steps // 4)
    if others:
        parts["transfer"] = lambda: [transferred(study, each, steps // 4) for each in others]
    if linear is not None:
        parts["closed_form"] = lambda: closed_form(study, linear)
    return parts


def _at(snr: float, chosen: Curve, anything: Curve) -> dict[str, Any]:
    fell = int((anything.snr >= snr - 1e-4).sum())
    stand = len(anything.snr) - fell
    return {"snr": snr, "targeted": chosen.share(snr), "untargeted": anything.share(snr),
            "robust": wilson(stand, len(anything.snr))}  # fmt: skip


def _played(
    study: Study, x_adv: Tensor, snr: np.ndarray, kind: str, sounds: dict[str, np.ndarray]
) -> list[dict[str, Any]]:
    """Add the first `PLAYED` perturbed clips to ``sounds``; return a description of each."""
    names = study.model.classes or study.samples.classes or ()
    with torch.no_grad():
        before, after = (study.model(x).softmax(1) for x in (study.right.x, x_adv))
    rows: list[dict[str, Any]] = []
    for i in np.flatnonzero(np.isfinite(snr))[:PLAYED].tolist():
        key = f"{kind}-{len(rows) + 1}"
        sounds[f"{key}-clean"] = _wave(study.right.x[i])
        sounds[f"{key}-adversarial"] = _wave(x_adv[i])
        rows.append({
            "key": key, "kind": kind, "id": study.right.ids[i],
            "said": class_name(names, int(study.right.y[i])),
            "wanted": class_name(names, int(study.targets[i])),
            "before": class_name(names, int(before[i].argmax())),
            "after": class_name(names, int(after[i].argmax())),
            "sure": float(after[i].amax()), "snr": float(snr[i]),
        })  # fmt: skip
    return rows


def _strings_played(
    rows: list[dict[str, Any]], x: Tensor, x_adv: Tensor, sounds: dict[str, np.ndarray]
) -> list[dict[str, Any]]:
    told = []
    for i, row in enumerate(rows[:2]):
        if not row["success"]:
            continue
        key = f"string-{i + 1}"
        sounds[f"{key}-clean"], sounds[f"{key}-adversarial"] = _wave(x[i]), _wave(x_adv[i])
        told.append({"key": key, "kind": "string", "id": row["id"], "said": row["said"],
                     "wanted": row["wanted"], "before": row["said"], "after": row["heard"],
                     "sure": None, "snr": row["snr"]})  # fmt: skip
    return told


def _wave(x: Tensor) -> np.ndarray:
    return (2 * x - 1).cpu().numpy().astype(np.float32)


def verdict(found: dict[str, Any]) -> str:
    """Return the result in one sentence, at `GOAL` dB."""
    at = next(row for row in found["curve"] if row["snr"] == GOAL)
    share, robust = at["targeted"], at["robust"]
    return (
        f"The model classifies {found['clean']['value']:.1%} of {found['clean']['n']:,} clips "
        f"correctly; of {share['n']} attacked, noise {GOAL:.0f} dB below the speech makes it hear "
        f"{share['value']:.1%} as a word chosen at random (95% interval {share['low']:.1%} to "
        f"{share['high']:.1%}), and {robust['value']:.1%} are not misheard by any attack."
    )
