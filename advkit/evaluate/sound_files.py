"""Waveforms as WAV files."""

from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import numpy as np
from torch import Tensor

from advkit.data.samples import Samples
from advkit.evaluate.run_folder import write_bytes

MOST = 50
"""Number of clips written for an attack."""


def write_waves(folder: Path, sounds: dict[str, np.ndarray], rate: int) -> None:
    """Write waveforms in [-1, 1] as WAV files of 16 bits into ``folder``, by name."""
    import soundfile

    folder.mkdir(parents=True, exist_ok=True)
    for name, wave in sounds.items():
        content = BytesIO()  # to a file soundfile does not say that the disk is full
        soundfile.write(content, wave, rate, "PCM_16", format="WAV")
        write_bytes(folder / f"{name}.wav", content.getbuffer())


def write_pairs(
    folder: Path, samples: Samples, examples: Callable[[list[int]], Tensor], which: np.ndarray
) -> None:
    """Write the first `MOST` of the clips ``which`` (n,), each before and after the attack.

    ``examples`` returns the attacked clips at given positions.
    """
    sounds = {}
    for i in np.flatnonzero(which)[:MOST].tolist():
        for end, x in (("clean", samples.x[i]), ("adversarial", examples([i])[0])):
            sounds[f"{i:05d}-{end}"] = (2 * x - 1).cpu().numpy()
    write_waves(folder, sounds, samples.rate or 0)
