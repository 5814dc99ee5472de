"""Waveforms as players, spectrograms and outlines."""

import base64
import io
import wave
from typing import Any, NamedTuple

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray
from PIL import Image

from advkit.reports.images import data_uri
from advkit.reports.svg import drawing, element, number, path

Wave = NDArray[np.floating[Any]]
WINDOW, HOP = 256, 64
DEPTH = 80.0
"""Decibels from white down to black."""
WIDTH, HEIGHT, OUTLINE = 224, 112, 44
"""CSS pixels of a spectrogram, and the height of an outline."""


class Sound(NamedTuple):
    """One sound: its player, its two images, and its captions."""

    head: str
    uri: str
    spectrogram: str
    outline: Markup
    text: str
    detail: str
    alt: str
    fooled: bool = False


def player_uri(samples: Wave, rate: int) -> str:
    """Return a waveform in [-1, 1] as the data URI of a 16-bit WAV file, which every browser plays.

    Values are rounded to the nearest of 65,536, those beyond the range clipped.
    """
    levels = np.rint(np.clip(samples, -1, 1) * 32767).astype("<i2")
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(levels.tobytes())
    return "data:audio/wav;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")


def spectrogram(samples: Wave, top: float) -> NDArray[np.uint8]:
    """Return the levels of a waveform over time (across) and frequency (up), as grey from 0 to 255.

    White is the level ``top`` in dB (`loudest`), black is `DEPTH` below it.
    """
    shares = np.clip((_levels(samples) - top) / DEPTH + 1, 0, 1)
    levels: NDArray[np.uint8] = np.rint(255 * shares).astype(np.uint8)
    return levels


def loudest(samples: Wave) -> float:
    """Return the highest level of a waveform's spectrogram, in dB."""
    return float(_levels(samples).max())


def _levels(samples: Wave) -> Wave:
    samples = np.pad(samples, (0, max(WINDOW - len(samples), 0)))
    frames = np.lib.stride_tricks.sliding_window_view(samples, WINDOW)[::HOP]
    power = np.abs(np.fft.rfft(frames * np.hanning(WINDOW), axis=1)) ** 2
    return 10 * np.log10(power + 1e-20).T[::-1]


def outline(samples: Wave, name: str, title: str, peak: float) -> Markup:
    """Draw maximum and minimum of every stretch of a waveform; ``peak`` is full scale."""
    columns = np.array_split(samples, min(WIDTH, len(samples)))
    half, wide = OUTLINE / 2, WIDTH / len(columns)
    high = [half - half * float(part.max()) / peak for part in columns]
    low = [half - half * float(part.min()) / peak for part in columns]
    corners = [(number(wide * i), number(y)) for i, y in enumerate(high)]
    corners += [(number(wide * i), number(y)) for i, y in reversed(list(enumerate(low)))]
    shape = element("path", d=path(corners) + "Z", class_="wave")
    return drawing(name, title, f"peak {np.abs(samples).max():.4f} of 1", WIDTH, OUTLINE, shape)


def sound(
    samples: Wave, rate: int, *, name: str, head: str, text: str, detail: str, top: float,
    peak: float, fooled: bool = False,
) -> Sound:  # fmt: skip
    """Return all that the page shows of one waveform."""
    levels = Image.fromarray(spectrogram(samples, top)).resize(
        (WIDTH, HEIGHT), Image.Resampling.BOX
    )
    alt = f"spectrogram, {head}: {text}; 0 to {rate / 2000:g} kHz, {len(samples) / rate:.1f} s"
    drawn = outline(samples, name, f"waveform, {head}", peak)
    return Sound(head, player_uri(samples, rate), data_uri(np.asarray(levels)), drawn, text, detail,
                 alt, fooled)  # fmt: skip
