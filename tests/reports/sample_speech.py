"""A synthetic speech study for the tests of its page."""

import numpy as np

from advkit.reports.speech_tables import At, Outcome, Played, SpeechStudy
from tests.reports.sample_audit import wilson as interval

RATE = 8000


def played(key: str, kind: str, said: str, after: str, seconds: float = 1.0) -> Played:
    at = np.arange(round(RATE * seconds)) / RATE
    clean = 0.4 * np.sin(2 * np.pi * 440 * at) * np.hanning(len(at))
    change = 0.004 * np.sin(2 * np.pi * 1500 * at)
    snr = 10 * np.log10((clean**2).sum() / (change**2).sum())
    return Played(key, kind, f"digits/{key}", said, "eight", said, after, 0.9, float(snr), clean,
                  clean + change)  # fmt: skip


def sample_speech(**changes: object) -> SpeechStudy:
    given: dict[str, object] = {
        "verdict": "The recogniser reads 97.0% of 100 clips right.",
        "clean": interval(97, 100),
        "curve": [
            At(20.0 + 5 * i, interval(29 - 4 * i, 30), interval(30 - i, 30), interval(i, 30))
            for i in range(7)
        ],
        "outcomes": [
            Outcome("one sound for all clips", "20 dB", interval(10, 30), "noise as loud: 3%"),
            Outcome("chosen word, in a room", "20 dB", None, "fooled in 71% of 32 rooms"),
        ],
        "strings": [
            {"said": "one two", "wanted": "eight three", "heard": "eight three", "success": True,
             "snr": 31.5, "peak_db": 40.25},
            {"said": "six", "wanted": "nine", "heard": "six", "success": False, "snr": None,
             "peak_db": None},
        ],
        "played": [
            played("least-1", "least", "three", "eight"),
            played("masked-1", "masked", "three", "three"),
            played("string-1", "string", "one two", "eight three", 3.0),
        ],
        "rate": RATE,
        "model": {"name": "bundled:spoken-digits-cnn", "parameters": 36106},
        "data": {"name": "bundled:spoken-digits", "clips": 100, "rate": RATE},
        "environment": {"python": "3.11", "torch": "2.10"},
        "command": "advkit speech",
        "seed": 0,
        "notes": ["2 of 100 recordings: ends cut off"],
        "started": "2026-01-01T00:00:00+00:00",
        "finished": "2026-01-01T00:01:00+00:00",
        **changes,
    }  # fmt: skip
    return SpeechStudy(**given)  # type: ignore[arg-type]
