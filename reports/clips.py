"""Sounds before and after an attack, as players and spectrograms."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from advkit.reports.sounds import Sound, loudest, sound
from advkit.reports.speech_tables import Played
from advkit.reports.words import short

MAX_BYTES = 6_000_000
"""Of data URIs; clips beyond it are omitted, with a note."""
LOUDNESS, PLACE = ("louder", "quieter"), ("below", "above")


class Heard(NamedTuple):
    """A clip on the page: before, the perturbation alone (amplified), after."""

    name: str
    title: str
    sounds: Sequence[Sound]
    sample: str


def clips(played: Iterable[Played], rate: int) -> tuple[list[tuple[str, Heard]], int]:
    """Return each clip that fits into `MAX_BYTES` with its kind, and the number omitted."""
    shown: list[tuple[str, Heard]] = []
    spent = left = 0
    for clip in played:
        one = _heard(clip, rate)
        spent += sum(len(each.uri) + len(each.spectrogram) for each in one.sounds)
        if spent > MAX_BYTES:
            left += 1
        else:
            shown.append((clip.kind, one))
    return shown, left


def _heard(clip: Played, rate: int) -> Heard:
    change = clip.adversarial - clip.clean
    peak = max(float(np.abs(clip.clean).max()), 1e-6)
    gain = peak / max(float(np.abs(change).max()), 1e-9)
    top = loudest(clip.clean)
    louder = 20 * np.log10(gain)
    sure = "" if clip.sure is None else f"{clip.sure:.2f}"
    hit = clip.after == clip.wanted if clip.wanted else clip.after != clip.said

    def part(
        which: str, samples: np.ndarray, head: str, text: str, detail: str, bad: bool
    ) -> Sound:
        return sound(samples, rate, name=f"{clip.key}-{which}", head=head, text=short(text),
                     detail=detail, top=top, peak=peak, fooled=bad)  # fmt: skip

    sounds = (
        part("clean", clip.clean, "before", f"heard: {clip.before}", "", False),
        part("change", gain * change, "change alone", f"made {_either(louder, 0, *LOUDNESS)}",
             f"{_either(clip.snr, 1, *PLACE)} the speech", False),
        part("adversarial", clip.adversarial, "after", f"heard: {clip.after}", sure, hit),
    )  # fmt: skip
    title = clip.title or f"said {clip.said}, wanted {clip.wanted}" + (
        "" if hit else " (not reached)"
    )
    return Heard(f"clip-{clip.key}", short(title, 120), sounds, short(clip.id))


def _either(decibels: float, digits: int, more: str, less: str) -> str:
    """Return decibels without sign, with the word for their direction."""
    return f"{abs(decibels):.{digits}f} dB {more if decibels >= 0 else less}"
