"""The bundled data: Fashion-MNIST, scikit-learn's digits, spoken digits."""

import csv
from collections.abc import Callable
from importlib.resources import files

import numpy as np
import torch

from advkit.data.audio_folder import middle, to_unit_range
from advkit.data.samples import SIGNAL, Samples
from advkit.errors import UnknownNameError, UsageError, did_you_mean
from advkit.spec_text import Spec, only

DIGITS_TRAINED_ON = 1437
"""The first of the 1,797 digits, the training split; the last 360 are the test split."""


SPOKEN = ("eight", "five", "four", "nine", "one", "seven", "six", "three", "two", "zero")
"""The sorted classes of spoken digits."""


def load_bundled(spec: Spec) -> Samples:
    """Return ``bundled:NAME``; raises UsageError for an unknown name."""
    if spec.ref not in BUNDLED:
        raise UnknownNameError(
            f"there is no bundled data {spec.ref!r}", did_you_mean(spec.ref, BUNDLED)
        )
    return BUNDLED[spec.ref](spec)


def fashion_mnist(spec: Spec) -> Samples:
    """Return the first 1,000 test images of Fashion-MNIST (Xiao et al. 2017), 1 x 28 x 28."""
    only(spec, ())
    path = files("advkit.data.bundled") / "fashion-mnist.npz"
    with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
        x, y, classes = arrays["x"], arrays["y"], arrays["classes"]
    return Samples(
        torch.from_numpy(x)[:, None].float() / 255,
        torch.from_numpy(y).long(),
        tuple(f"fashion-mnist/test/{i}" for i in range(len(x))),
        tuple(str(name) for name in classes),
        spec.text,
    )


def digits(spec: Spec) -> Samples:
    """Return scikit-learn's handwritten digits, 1 x 8 x 8: split=test (default), train or all."""
    only(spec, ("split",))
    split, n = spec.query.get("split", "test"), DIGITS_TRAINED_ON
    parts = {"test": slice(n, None), "train": slice(0, n), "all": slice(None)}
    if split not in parts:
        raise UsageError(f"{spec.text!r} has no split {split!r}", "train, test or all", code="E206")
    # A copy, since importing scikit-learn takes a second at every start.
    path = files("advkit.data.bundled") / "digits.npz"
    with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
        x, y = arrays["x"], arrays["y"]
    return Samples(
        torch.from_numpy(x[parts[split]] / 16).float()[:, None],
        torch.from_numpy(y[parts[split]]).long(),
        tuple(f"digits/{i}" for i in range(len(y))[parts[split]]),
        tuple(str(digit) for digit in range(10)),
        spec.text,
    )


def spoken_digits(spec: Spec) -> Samples:
    """Return spoken digits, one second at 8 kHz (n, 8000): split=test (default), train or all.

    Synthesised by espeak-ng; the voices of the test split are not in the training split.
    """
    import soundfile

    only(spec, ("split",))
    folder = files("advkit.data.bundled")
    rows = list(csv.DictReader((folder / "spoken-digits.csv").read_text("utf-8").splitlines()))
    rows = [row for row in rows if spec.query.get("split", "test") in (row["split"], "all")]
    if not rows:
        raise UsageError(
            f"{spec.text!r} has no split {spec.query['split']!r}",
            "train, test or all",
            code="E206",
        )
    with (folder / "spoken-digits.flac").open("rb") as file:
        sound, rate = soundfile.read(file, dtype="float32")
    spans = [(int(row["start"]), int(row["length"])) for row in rows]
    clips = [middle(sound[start : start + length], rate) for start, length in spans]
    return Samples(
        to_unit_range(np.stack(clips)),
        torch.tensor([SPOKEN.index(row["word"]) for row in rows]),
        tuple(f"spoken-digits/{row['voice']}/{row['word']}" for row in rows),
        SPOKEN,
        spec.text,
        box=SIGNAL,
        rate=int(rate),
    )


BUNDLED: dict[str, Callable[[Spec], Samples]] = {
    "fashion-mnist": fashion_mnist,
    "digits": digits,
    "spoken-digits": spoken_digits,
}
