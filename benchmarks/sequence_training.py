"""Training of the bundled recogniser of digit strings: CTC, on strings of the training voices.

    python -m advkit.benchmarks.sequence_training strings.safetensors

Its spectrogram layers are initialised from the bundled recogniser of single digits.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor, nn

from advkit.data.digit_strings import Strings, digit_strings
from advkit.models import load_model
from advkit.models.classifier import Classifier
from advkit.models.sequence import ctc_loss, padded, transcribed, word_errors
from advkit.models.sound import Sequence
from advkit.models.weights_file import write_weights

WIDTH, MELS, BATCH, RATE = 64, 40, 16, 0.003
MEAN, STD = 0.5, 0.03


def batches(epoch: int, n: int) -> Iterator[Strings]:
    """Yield the strings of an epoch, different in every epoch."""
    strings = digit_strings(n, "train", seed=1000 + epoch)
    for start in range(0, n, BATCH):
        rows = slice(start, start + BATCH)
        yield strings._replace(x=strings.x[rows], said=strings.said[rows])


def begun() -> Sequence:
    """Return the initialised net."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        net = Sequence(11, WIDTH, MELS)
    single = load_model("bundled:spoken-digits-cnn").net
    assert isinstance(single, nn.Sequential)  # noqa: S101
    for ours, theirs in ((0, 1), (3, 4)):
        net.bands[ours].load_state_dict(single[theirs].state_dict())
    return net


def train(out: Path, epochs: int, n: int) -> None:
    """Train, print the word error rate on held-out voices after every epoch, and write ``out``."""
    net, held = begun(), digit_strings(60, "test", seed=1)
    adam = torch.optim.AdamW(net.parameters(), RATE, weight_decay=0.05)
    for epoch in range(epochs):
        for group in adam.param_groups:
            group["lr"] = RATE * (1 - epoch / epochs)
        total = 0.0
        for some in batches(epoch, n):
            words, lengths = padded(some.said)
            loss = (ctc_loss(net((some.x - MEAN) / STD), words, lengths) / lengths).mean()
            adam.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(net.parameters(), 5.0)
            adam.step()
            total += loss.item() * len(words)
        errors = word_errors(read(net, held.x), held.said)
        told = f"epoch {epoch + 1}: loss {total / n:.4f}, word error rate {errors:.4f}"
        print(told, flush=True)  # noqa: T201
    about = {"classes": list(held.classes), "width": WIDTH, "mels": MELS, "mean": [MEAN],
             "std": [STD],
             "training": {"epochs": epochs, "strings": n, "word_errors": errors}}  # fmt: skip
    write_weights(out, net.state_dict(), about)


def read(net: nn.Module, x: Tensor) -> list[tuple[int, ...]]:
    """Return the words that ``net`` recognises in ``x`` (n, length)."""
    asked = Classifier(net, name="strings", mean=[MEAN], std=[STD])
    with torch.no_grad():
        found = transcribed(asked(x))
    net.requires_grad_(True)
    return found


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--strings", type=int, default=400)
    given = parser.parse_args()
    train(given.out, given.epochs, given.strings)
