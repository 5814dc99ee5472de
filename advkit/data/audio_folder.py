"""``audio:DIR?rate=8000&seconds=1&labels=FILE.csv``: recordings, by directory or by a table."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from advkit.data.audio_file import read_audio
from advkit.data.class_folders import Kind, Listing, check_directory, list_classes
from advkit.data.class_map import in_order
from advkit.data.label_table import inside, read_label_table
from advkit.data.picture_rows import left_out
from advkit.data.samples import SIGNAL, Samples
from advkit.errors import EmptyError, InputError, UsageError
from advkit.models.load_gate import missing
from advkit.spec_text import Spec, flag, numbers, only, whole

RECORDING = Kind("recording", (".flac", ".ogg", ".wav"), "yes/1.wav")
RATE, SECONDS = 8000, 1.0


def load_audio_folder(spec: Spec, limit: int | None, shape: tuple[int, ...] | None) -> Samples:
    """Return the recordings below ``spec.ref`` as waveforms (n, length), mono at one rate.

    Classes are the sorted names of the directories, or those of the column ``label`` of the table
    ``labels``, whose column ``file`` names the recordings; ``class_map`` may number them. Each is
    centred in a clip of ``seconds`` (or of the model's length), and cropped if it is longer. Raises
    InputError, EmptyError, UsageError.
    """
    only(spec, ("rate", "seconds", "labels", "skip_bad", "class_map"))
    root, rate = Path(spec.ref), whole(spec, "rate", RATE)
    if rate < 1000:
        raise UsageError(
            f"rate={rate} in {spec.text!r} is not possible", "1000 or more, in Hz", code="E203"
        )
    found, classes, notes = _listed(spec, root, limit)
    numbers, names = in_order(classes, spec.query.get("class_map"), spec.ref)
    clips = _read(found, root, rate, _length(spec, rate, shape), skip_bad=flag(spec, "skip_bad"))
    n = len(clips.waves)
    if not n:
        raise EmptyError(f"none of the {len(found)} recordings of {spec.text} can be read",
                         "see one of them without skip_bad")  # fmt: skip
    done = [f"{count} of {n} recordings: {what}" for what, count in sorted(clips.done.items())]
    return Samples(
        to_unit_range(np.stack(clips.waves)),
        torch.tensor([numbers[label] for label in clips.labels]),
        tuple(clips.ids),
        tuple(names),
        spec.text,
        (*notes, *done, *left_out(clips.bad, len(found), "recordings")),
        box=SIGNAL,
        rate=rate,
    )


class Clips(NamedTuple):
    """Recordings of one length, notes on conversions, and the ids of invalid files."""

    waves: list[NDArray[np.float32]]
    labels: list[int]
    ids: list[str]
    done: Counter[str]
    bad: list[str]


def _read(
    files: Sequence[tuple[Path, int]], root: Path, rate: int, length: int, *, skip_bad: bool
) -> Clips:
    clips = Clips([], [], [], Counter(), [])
    for path, label in files:
        name = path.relative_to(root).as_posix()
        try:
            wave, changes = read_audio(path, rate)
        except InputError:
            if not skip_bad:
                raise
            clips.bad.append(name)
            continue
        clips.waves.append(middle(wave, length))
        clips.labels.append(label)
        clips.ids.append(name)
        clips.done.update([*changes, *(["ends cut off"] if len(wave) > length else [])])
    return clips


def middle(wave: NDArray[np.float32], length: int) -> NDArray[np.float32]:
    """Return the middle ``length`` of a waveform, or the waveform padded with silence."""
    spare = length - len(wave)
    if spare < 0:
        return wave[-spare // 2 : -spare // 2 + length]
    return np.pad(wave, (spare // 2, spare - spare // 2))


def to_unit_range(waves: NDArray[np.float32]) -> torch.Tensor:
    """Return waveforms in [-1, 1] scaled to [0, 1]."""
    return torch.from_numpy(waves / 2 + np.float32(0.5)).float()


def _length(spec: Spec, rate: int, shape: tuple[int, ...] | None) -> int:
    if "seconds" not in spec.query and shape and len(shape) == 1:
        return shape[0]
    seconds = (numbers(spec, "seconds") or [SECONDS])[0]
    if not 0.01 <= seconds <= 60:
        raise UsageError(
            f"seconds={seconds:g} in {spec.text!r} is not possible", "0.01 to 60", code="E203"
        )
    return round(seconds * rate)


def _listed(spec: Spec, root: Path, limit: int | None) -> Listing:
    if "labels" not in spec.query:
        return list_classes(root, RECORDING, limit)
    check_directory(root)
    table = root / spec.query["labels"]
    rows = read_label_table(table, "file", "label", "it needs the columns file and label")
    names = sorted({label for _, label in rows})
    for number, (file, _) in enumerate(rows, 2):
        inside(root, file, f"row {number} of {table}")
        if not (root / file).is_file():
            raise missing(root / file)
    files = [(root / file, names.index(label)) for file, label in rows]
    return Listing(files[:limit], tuple(names), ())
