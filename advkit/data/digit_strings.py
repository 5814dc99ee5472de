"""Strings of spoken digits, assembled from the bundled clips."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from advkit.data.audio_folder import middle, to_unit_range
from advkit.data.bundled_sets import SPOKEN, spoken_digits
from advkit.data.samples import Samples
from advkit.engine.seeding import keys, uniform
from advkit.spec_text import parse_spec

SECONDS, LEAST, MOST = 3.0, 2, 5
PAUSE = 0.03, 0.15
"""Range of pauses between two digits in seconds."""


class Strings(NamedTuple):
    """Waveforms ``x`` (n, length) in [0, 1], and the words spoken in each, as classes."""

    x: Tensor
    said: list[tuple[int, ...]]
    ids: tuple[str, ...]
    rate: int
    classes: tuple[str, ...] = SPOKEN


def digit_strings(n: int, split: str = "test", seed: int = 0) -> Strings:
    """Return ``n`` strings of 2 to 5 digits, each in one voice of the ``split``, in 3 s.

    Voices alternate; digits and pauses depend only on (seed, index of the string). A string that
    does not fit loses its last digits.
    """
    clips = spoken_digits(parse_spec(f"bundled:spoken-digits?split={split}"))
    waves, said, ids = [], [], []
    for i in range(n):
        wave, words, voice = _string(clips, i, seed)
        waves.append(wave)
        said.append(words)
        ids.append(f"{split}/{seed}/{i}/{voice}")
    return Strings(to_unit_range(np.stack(waves)), said, tuple(ids), clips.rate or 0)


def _string(clips: Samples, number: int, seed: int) -> tuple[np.ndarray, tuple[int, ...], str]:
    draw = uniform(keys(seed, [str(number)], torch.empty(1), "digit string"), (2 * MOST + 1,))[0]
    rate, voices = clips.rate or 0, len(clips.ids) // len(SPOKEN)
    voice, length = number % voices, LEAST + int(draw[-1] * (MOST - LEAST + 1))
    parts: list[np.ndarray] = []
    words: list[int] = []
    room = int(SECONDS * rate)
    for digit, pause in zip(draw[:length], draw[MOST:], strict=False):
        place = voice * len(SPOKEN) + int(digit * len(SPOKEN))
        silence = np.zeros(int((PAUSE[0] + float(pause) * (PAUSE[1] - PAUSE[0])) * rate))
        part = np.concatenate([_trimmed(clips.x[place]), silence])
        if sum(map(len, parts)) + len(part) > room:
            break
        parts.append(part)
        words.append(int(clips.y[place]))
    name = clips.ids[voice * len(SPOKEN)].split("/")[1]
    return middle(np.concatenate(parts).astype(np.float32), room), tuple(words), name


def _trimmed(x: Tensor) -> np.ndarray:
    """Return the sound of a clip in [-1, 1] without silence at its ends."""
    wave = 2 * x.numpy() - 1
    loud = np.flatnonzero(np.abs(wave) > 1e-4)
    return wave[loud[0] : loud[-1] + 1]


def spelled(words: Sequence[int], classes: Sequence[str] = SPOKEN) -> str:
    """Return words as text: ``three one four``."""
    return " ".join(classes[word] for word in words)
