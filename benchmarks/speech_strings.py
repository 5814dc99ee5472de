"""Digit strings in the speech study: targeted attacks on a CTC recogniser."""

from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import torch

from advkit.attacks.spoken_phrase import say
from advkit.data.bundled_sets import SPOKEN
from advkit.data.digit_strings import Strings, digit_strings, spelled
from advkit.engine.seeding import keys, uniform
from advkit.models.classifier import Classifier
from advkit.models.sequence import load_sequence, transcribed, word_errors
from advkit.numbers import decibels

LOUDEST = 15.0
"""Initial difference of the peaks of string and perturbation, in decibels."""


def bundled_sequence() -> Classifier:
    """Return the bundled recogniser of digit strings."""
    return load_sequence(Path(str(files("advkit.models.bundled") / "spoken-strings.ctc")))


def wanted(strings: Strings, seed: int) -> list[tuple[int, ...]]:
    """Return, for each string, a target of equal length that differs in every word."""
    draws = uniform(keys(seed, strings.ids, strings.x, "wanted"), (8,))
    n = len(SPOKEN)
    return [
        tuple((word + 1 + int(draw * (n - 1))) % n for word, draw in zip(words, row, strict=False))
        for words, row in zip(strings.said, draws, strict=True)
    ]


def misheard_strings(
    n: int, steps: int, seed: int
) -> tuple[dict[str, Any], torch.Tensor, torch.Tensor]:
    """Return the results for ``n`` correctly recognised strings, the strings, and the examples.

    ``peak_db`` is how far the peak of the perturbation is below that of the string (the measure of
    Carlini and Wagner 2018), ``snr`` the ratio of their energies, both in dB; None if infinite.
    """
    model, strings = bundled_sequence(), digit_strings(60, "test", seed=seed + 1)
    with torch.no_grad():
        heard = transcribed(model(strings.x))
    right = [i for i, words in enumerate(strings.said) if heard[i] == words][:n]
    some = strings._replace(x=strings.x[right], said=[strings.said[i] for i in right],
                            ids=tuple(strings.ids[i] for i in right))  # fmt: skip
    goal = wanted(some, seed)
    peak = (some.x - 0.5).abs().amax(1)
    x_adv, _ = say(model, some.x, goal, eps=decibels(LOUDEST) * peak, steps=steps)
    with torch.no_grad():
        after = transcribed(model(x_adv))
    change, wave = x_adv - some.x, some.x - 0.5
    with np.errstate(divide="ignore"):
        peak_db = -20 * np.log10((change.abs().amax(1) / peak).numpy())
        snr = -20 * np.log10((change.norm(dim=1) / wave.norm(dim=1)).numpy())
    rows = [
        {"id": some.ids[i], "said": spelled(some.said[i]), "wanted": spelled(goal[i]),
         "heard": spelled(after[i]), "success": after[i] == goal[i],
         "peak_db": _finite(peak_db[i]), "snr": _finite(snr[i])}
        for i in range(len(right))
    ]  # fmt: skip
    errors = word_errors(heard, strings.said)
    return {"rows": rows, "word_errors": errors, "read": len(strings.said)}, some.x, x_adv


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
