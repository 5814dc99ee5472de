"""The recogniser of digit strings: a net with CTC (Graves et al. 2006), and its loading."""

from collections.abc import Sequence as Words
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F

from advkit.errors import InputError
from advkit.models.classifier import Classifier
from advkit.models.sound import Sequence
from advkit.models.weights_file import fill, read_weights

BLANK = 0
"""The blank class of CTC; class i of the data is output i + 1."""


def ctc_loss(logits: Tensor, words: Tensor, lengths: Tensor) -> Tensor:
    """Return minus the log probability of the ``words`` (n, most) of ``lengths`` (n,), (n,).

    ``logits`` are (n, frames, 1 + classes). Infinite losses (more words than frames) are zero.
    """
    frames = torch.full_like(lengths, logits.shape[1])
    shares = logits.float().log_softmax(2).transpose(0, 1)
    return F.ctc_loss(shares, words + 1, frames, lengths, BLANK, "none", zero_infinity=True)


def transcribed(logits: Tensor) -> list[tuple[int, ...]]:
    """Return the words of the likeliest output per frame, repeats merged, blanks removed."""
    found = []
    for row in logits.argmax(2):
        kept = torch.unique_consecutive(row)
        found.append(tuple(int(word) - 1 for word in kept if word != BLANK))
    return found


def padded(said: Words[tuple[int, ...]]) -> tuple[Tensor, Tensor]:
    """Return word strings as (n, most), padded with zeros, and their lengths (n,)."""
    lengths = torch.tensor([len(words) for words in said])
    most = max(int(lengths.max()), 1)
    rows = [list(words) + [0] * (most - len(words)) for words in said]
    return torch.tensor(rows), lengths


def load_sequence(path: Path) -> Classifier:
    """Return the recogniser in a weights file of `benchmarks/sequence_training.py`.

    It returns logits (n, frames, 1 + classes) for waveforms (n, length) in [0, 1]. Raises
    InputError.
    """
    weights = read_weights(path)
    try:
        about = dict(weights.about or {})
        net = Sequence(len(about["classes"]) + 1, int(about["width"]), int(about["mels"]))
        given = {name: about[name] for name in ("classes", "mean", "std")}
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{path} is not a string recogniser: {error!r}") from error
    fill(net, weights.tensors, str(path))
    return Classifier(net.eval(), name=path.stem, **given)


def word_errors(heard: Words[tuple[int, ...]], said: Words[tuple[int, ...]]) -> float:
    """Return the word error rate: edits per word of ``said`` (Levenshtein 1966)."""
    edits = sum(distance(a, b) for a, b in zip(heard, said, strict=True))
    return edits / sum(map(len, said))


def distance(a: tuple[int, ...], b: tuple[int, ...]) -> int:
    """Return the number of insertions, deletions and replacements from ``a`` to ``b``."""
    row = list(range(len(b) + 1))
    for i, left in enumerate(a):
        before, row[0] = row[0], i + 1
        for j, right in enumerate(b):
            before, row[j + 1] = (
                row[j + 1],
                min(row[j + 1] + 1, row[j] + 1, before + (left != right)),
            )
    return row[-1]
