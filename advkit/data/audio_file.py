"""Read one sound file as a waveform in [-1, 1], with any rate and number of channels."""

from math import gcd
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from advkit.errors import InputError

LONGEST = 600.0
"""Seconds; longer files are refused."""


def read_audio(path: Path, rate: int) -> tuple[NDArray[np.float32], list[str]]:
    """Return the sound of a WAV, FLAC or Ogg file, mono at ``rate`` Hz, and notes on conversions.

    Channels are averaged. Resampling is by a polyphase filter, after which peaks are clipped at 1.
    Raises InputError for files that are no sound, are empty, or hold NaN.
    """
    import soundfile

    try:
        with soundfile.SoundFile(path) as file:
            own, length = file.samplerate, file.frames / max(file.samplerate, 1)
            if length > LONGEST:
                raise InputError(
                    f"{path} lasts {length:.0f} s",
                    f"at most {LONGEST:.0f} s are read",
                    code="E309",
                )
            sound = file.read(dtype="float32", always_2d=True)
    except (soundfile.SoundFileError, RuntimeError, OSError) as error:
        raise InputError(
            f"{path} is not a readable sound file: {error}",
            "replace it, or leave it out",
            code="E309",
        ) from error
    if not sound.size or not np.isfinite(sound).all():
        raise InputError(
            f"{path} holds {'NaN or infinity' if sound.size else 'no sample'}",
            "leave it out",
            code="E309",
        )
    return _mono(sound, own, rate)


def _mono(sound: NDArray[np.float32], own: int, rate: int) -> tuple[NDArray[np.float32], list[str]]:
    notes, wave = [], sound.mean(axis=1)
    if sound.shape[1] > 1:
        notes.append(f"{sound.shape[1]} channels, mixed down to their mean")
    if own != rate:
        from scipy.signal import resample_poly

        common = gcd(own, rate)
        wave = resample_poly(wave, rate // common, own // common)
        notes.append(f"resampled from {own} to {rate} Hz")
    return np.clip(wave, -1, 1).astype(np.float32), notes
