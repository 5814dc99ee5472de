"""``audio:DIR?rate=8000&seconds=1&labels=FILE.csv``: recordings, by directory or by a table."""

import csv
from collections import Counter
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from advkit.data.audio_file import read_audio
from advkit.data.class_folders import Kind, Listing, check_directory, list_classes
from advkit.data.picture_rows import left_out, skips
from advkit.data.samples import SIGNAL, Samples
from advkit.errors import EmptyError, InputError, UsageError
from advkit.models.load_gate import missing
from advkit.spec_text import Spec, numbers, only, whole

RECORDING = Kind("recording", (".flac", ".ogg", ".wav"), "yes/1.wav")
RATE, SECONDS = 8000, 1.0


def load_audio_folder(spec: Spec, limit: int | None, shape: tuple[int, ...] | None) -> Samples:
    """Return the recordings below ``spec.ref`` as waveforms (n, length), mono at one rate.

    Classes are the sorted names of the directories, or those of the column ``label`` of the table
    ``labels``, whose column ``file`` names the recordings. Each is set in the middle of a clip of
    ``seconds`` (or of what the model wants), its ends cut off if it is longer. Raises InputError,
    EmptyError, UsageError.
    """
    only(spec, ("rate", "seconds", "labels", "skip_bad"))
    root, rate = Path(spec.ref), whole(spec, "rate", RATE)
    if rate < 1000:
        raise UsageError(
            f"rate={rate} in {spec.text!r} is not possible", "1000 or more, in Hz", code="E203"
        )
    length = _length(spec, rate, shape)
    found, classes, notes = _listed(spec, root, limit)
    clips, done, bad, listed = [], Counter[str](), list[str](), len(found)
    kept = []
    for path, label in found:
        try:
            wave, changes = read_audio(path, rate)
        except InputError:
            if not skips(spec):
                raise
            bad.append(path.relative_to(root).as_posix())
            continue
        kept.append((path, label))
        done.update([*changes, *(["ends cut off"] if len(wave) > length else [])])
        clips.append(middle(wave, length))
    found = kept
    if not found:
        raise EmptyError(f"none of the {listed} recordings of {spec.text} can be read",
                         "see one of them without skip_bad")  # fmt: skip
    return Samples(
        to_unit_range(np.stack(clips)),
        torch.tensor([label for _, label in found]),
        tuple(path.relative_to(root).as_posix() for path, _ in found),
        classes,
        spec.text,
        (
            *notes,
            *(
                f"{count} of {len(found)} recordings: {what}"
                for what, count in sorted(done.items())
            ),
            *left_out(bad, listed, "recordings"),
        ),
        box=SIGNAL,
        rate=rate,
    )


def middle(wave: NDArray[np.float32], length: int) -> NDArray[np.float32]:
    """Return the middle ``length`` of a waveform, or the waveform in the middle of silence."""
    spare = length - len(wave)
    if spare < 0:
        return wave[-spare // 2 : -spare // 2 + length]
    return np.pad(wave, (spare // 2, spare - spare // 2))


def to_unit_range(waves: NDArray[np.float32]) -> torch.Tensor:
    """Return waveforms in [-1, 1] as the samples in [0, 1] that stand for them."""
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
    rows = _rows(root / spec.query["labels"])
    names = sorted({label for _, label in rows})
    files = [(root / file, names.index(label)) for file, label in rows]
    for path, _ in files:
        if not path.is_file() or root.resolve() not in path.resolve().parents:
            raise missing(path)
    return Listing(files[:limit], tuple(names), ())


def _rows(table: Path) -> list[tuple[str, str]]:
    if not table.is_file():
        raise missing(table)
    try:
        lines = table.read_text("utf-8-sig").splitlines()
    except (UnicodeDecodeError, OSError) as error:
        raise InputError(f"{table} is no table in UTF-8: {error}", code="E307") from error
    reader = csv.DictReader(lines)
    if not {"file", "label"} <= set(reader.fieldnames or ()):
        raise InputError(
            f"{table} has the columns {', '.join(reader.fieldnames or ['none'])}",
            "it needs the columns file and label",
            code="E307",
        )
    return [(row["file"], row["label"]) for row in reader]
