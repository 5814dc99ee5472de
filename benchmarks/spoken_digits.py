"""Recipe of the bundled spoken digits: espeak-ng speaks them in many voices.

    python -m advkit.benchmarks.spoken_digits advkit/data/bundled
    python -m advkit.benchmarks.spoken_digits speech --takes 4

Needs `espeak-ng` (apt-get install espeak-ng). Writes ``spoken-digits.flac``, all clips in sequence,
and ``spoken-digits.csv`` with the start and the speaker of each. With ``--takes`` it writes that
many recordings of every word by the voices of the training split, with different pitch, speed and
accent, into one directory per word: the training data of the bundled recognisers. Other versions of
espeak-ng give different sound.
"""

import argparse
import csv
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import soundfile
import torch
from numpy.typing import NDArray

from advkit.data.audio_file import read_audio
from advkit.engine.seeding import keys, uniform

RATE = 8000
WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
ACCENTS = ("en-us", "en-gb", "en-gb-x-rp", "en-gb-scotland", "en-029", "en-us-nyc")
TRAINED_ON = """
Alex Andrea Andy Annie Antonio Auntie Belinda Benjamin Boris Caleb David Diogo Ed Edward Gene
Gustave Henrique Hugo Iven Jacky John Lee Linda Marcelo Marco Mario Max Michael Miguel
Mr_Serious Nguyen Pablo Pedro Quincy Rob Steph Storm Zac anika female1 female2 female3 male1
male2 male3 male4 male5 grandma sandro shelby
"""
HELD_OUT = """
Adam Alicia Denis Michel Mike Paul Robert Steph2 female4 female5 male6 male7 male8 grandpa
norbert travis victor klatt2 Gene2
"""
"""Voice variants of espeak-ng."""
QUIET = 0.01
"""Share of the peak below which the ends of a clip are trimmed."""
STEP = 2.0**-11
"""Quantisation of the samples: 12 bits, which FLAC compresses better than 16."""


def spoken(word: str, voice: str, pitch: int, speed: int) -> NDArray[np.float32]:
    """Return ``word`` spoken by espeak-ng: mono at `RATE`, trimmed, with peak 0.5."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "said.wav"
        command = ["espeak-ng", "-v", voice, "-p", str(pitch), "-s", str(speed), "-w", str(file)]
        subprocess.run([*command, word], check=True)  # noqa: S603
        wave = read_audio(file, RATE)[0]
    loud = np.flatnonzero(np.abs(wave) > QUIET * np.abs(wave).max())
    wave = wave[loud[0] : loud[-1] + 1]
    levels: NDArray[np.float32] = np.round(0.5 * wave / np.abs(wave).max() / STEP) * STEP
    return levels


def speakers(take: int = 0) -> Iterator[tuple[str, str, str]]:
    """Yield split, name and espeak-ng voice of every speaker, cycling through the accents."""
    for split, names in (("train", TRAINED_ON), ("test", HELD_OUT)):
        for i, name in enumerate(names.split()):
            yield split, name, f"{ACCENTS[(i + take) % len(ACCENTS)]}+{name}"


def manner(name: str, word: str, take: int = 0) -> tuple[int, int]:
    """Return pitch (25 to 74 of espeak-ng's 99) and speed (130 to 209 words a minute)."""
    draw = uniform(keys(take, [f"{name}/{word}"], torch.empty(1), "spoken digits"), (2,))[0]
    return 25 + int(draw[0] * 50), 130 + int(draw[1] * 80)


def write(folder: Path) -> None:
    """Generate all digits and write the two files."""
    waves, rows, start = [], [], 0
    for split, name, voice in speakers():
        for word in WORDS:
            pitch, speed = manner(name, word)
            wave = spoken(word, voice, pitch, speed)
            rows.append((split, word, voice, pitch, speed, start, len(wave)))
            waves.append(wave)
            start += len(wave)
    soundfile.write(folder / "spoken-digits.flac", np.concatenate(waves), RATE, "PCM_16",
                    format="FLAC", compression_level=1.0)  # fmt: skip
    with (folder / "spoken-digits.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("split", "word", "voice", "pitch", "speed", "start", "length"))
        writer.writerows(rows)


def write_takes(folder: Path, takes: int) -> None:
    """Write ``takes`` recordings of every word per voice of the training split, in DIR/WORD/."""
    for word in WORDS:
        home = folder / word
        home.mkdir(parents=True, exist_ok=True)
        for take in range(takes):
            for split, name, voice in speakers(take):
                if split == "train":
                    wave = spoken(word, voice, *manner(name, word, take))
                    soundfile.write(home / f"{take}-{voice}.wav", wave, RATE, "PCM_16")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--takes", type=int, default=0)
    given = parser.parse_args()
    write_takes(given.folder, given.takes) if given.takes else write(given.folder)
