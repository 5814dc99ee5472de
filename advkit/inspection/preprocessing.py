"""Accuracy under common preprocessing, the most frequent cause of wrong results."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from advkit.evaluate.intervals import mcnemar, wilson
from advkit.inspection.findings import Finding, finding
from advkit.models.classifier import Classifier
from advkit.models.preprocess import KNOWN

Numbers = dict[str, tuple[Sequence[float] | None, Sequence[float] | None]]
COLOUR: Numbers = {name: KNOWN[name][:2] for name in ("imagenet", "cifar10")}
GREY: Numbers = {"mnist": ((0.1307,), (0.3081,)), "fashion-mnist": ((0.2860,), (0.3530,))}
ANY: Numbers = {
    "none": ((0.0,), (1.0,)),
    "-1 to 1": ((0.5,), (0.5,)),
    "0 to 255": ((0.0,), (1 / 255,)),
}
DOUBT = 0.05


class Candidate(NamedTuple):
    """A preprocessing: ``mean`` and ``std`` per channel; None for the model's own."""

    name: str
    mean: Sequence[float] | None
    std: Sequence[float] | None
    turned: str = ""
    """`bgr` if channels are reversed, `inverted` if black and white are swapped."""


def candidates(channels: int | None) -> list[Candidate]:
    """Return the candidates for images with so many channels (None: no images); unchanged first."""
    found = [Candidate("as it is", None, None)]
    if channels is None:
        return found
    more: dict[int, Numbers] = {1: GREY, 3: COLOUR}
    usual = ANY | more.get(channels, {})
    found += [Candidate(name, *numbers) for name, numbers in usual.items()]
    turn = {1: "inverted", 3: "bgr"}.get(channels)
    word = {"inverted": "inverted", "bgr": "channels as BGR"}
    return found + [
        each._replace(name=f"{each.name}, {word[turn]}", turned=turn) for each in found if turn
    ]


def seen_as(model: Classifier, x: Tensor, candidate: Candidate) -> Tensor:
    """Return images that ``model``, after its own normalisation, receives as in ``candidate``."""
    if candidate.turned:
        x = x.flip(1) if candidate.turned == "bgr" else 1 - x
    if candidate.mean is None or candidate.std is None:
        return x
    x = (x - _column(candidate.mean, x)) / _column(candidate.std, x)
    if model.std is not None:
        x = x * _column(model.std, x)
    return x if model.mean is None else x + _column(model.mean, x)


def _column(values: Sequence[float] | Tensor, x: Tensor) -> Tensor:
    return torch.as_tensor(values, dtype=x.dtype, device=x.device).view(-1, *[1] * (x.ndim - 2))


class Tried(NamedTuple):
    """A candidate, and which images (n,) are classified correctly under it."""

    candidate: Candidate
    right: Tensor


def tried(model: Classifier, x: Tensor, y: Tensor) -> Iterator[Tried]:
    """Yield the result of each candidate on images ``x`` (n, ...) with labels ``y``."""
    for candidate in candidates(x.shape[1] if x.ndim == 4 else None):
        yield Tried(candidate, _right(model, x, y, candidate))


def rows_of(results: Sequence[Tried]) -> list[dict[str, Any]]:
    """Return for each its name, its accuracy with the interval, and p.

    ``p`` is that of the exact test of McNemar (1947) against the unchanged model, times the number
    of other candidates (Bonferroni).
    """
    first, others = results[0], max(len(results) - 1, 1)
    return [
        {
            "name": each.candidate.name, **wilson(int(each.right.sum()), len(each.right)),
            "mean": _listed(each.candidate.mean), "std": _listed(each.candidate.std),
            "turned": each.candidate.turned, "p": min(_differ(each, first) * others, 1.0),
        }
        for each in results
    ]  # fmt: skip


def _differ(one: Tried, other: Tried) -> float:
    better, worse = one.right & ~other.right, other.right & ~one.right
    return mcnemar(int(better.sum()), int(worse.sum()))


@torch.no_grad()
def _right(model: Classifier, x: Tensor, y: Tensor, candidate: Candidate) -> Tensor:
    parts = [model(seen_as(model, some, candidate)).argmax(1) for some in torch.split(x, 64)]
    return torch.cat(parts) == y


def _listed(values: Sequence[float] | None) -> list[float] | None:
    return None if values is None else list(values)


def judged(results: Sequence[Tried]) -> tuple[int, Finding]:
    """Return the index of the best, and whether it beats the unchanged model significantly.

    If the model's own preprocessing is not significantly worse than the best, it is chosen.
    """
    rows = rows_of(results)
    top = max(range(len(rows)), key=lambda i: rows[i]["count"])
    own = [i for i, each in enumerate(results) if each.candidate.mean is None]
    near = [i for i in own if _differ(results[i], results[top]) > DOUBT]
    place = next(iter(near), top)
    first, best = rows[0], rows[place]
    if best["count"] <= first["count"] or best["p"] >= DOUBT:
        return 0, Finding("preprocessing", "pass", "no other one does better than as it is")
    seen = (
        f"'{best['name']}' gives {best['value']:.3f}, as it is {first['value']:.3f} (of "
        f"{first['n']} images; p = {best['p']:.1g}, exact McNemar, corrected)"
    )
    return place, finding("preprocessing", True, seen, _how(best))


def above_chance(row: dict[str, Any], y: Tensor) -> Finding:
    """Check that the accuracy ``row`` is above that of always predicting the commonest of ``y``."""
    chance = float(y.bincount().max()) / len(y)
    return finding(
        "accuracy", row["low"] <= chance,
        f"{row['value']:.3f} (95% interval from {row['low']:.3f}); always naming the commonest "
        f"class gives {chance:.3f}",
        "Accuracy cannot be told from guessing: are these the trained weights, the right "
        "preprocessing and the right order of classes? With few images, give more.",
    )  # fmt: skip


def _how(best: dict[str, Any]) -> str:
    ways = []
    if best["mean"] is not None:
        values = [",".join(f"{v:.6g}" for v in best[key]) for key in ("mean", "std")]
        ways.append(f"give the model '?mean={values[0]}&std={values[1]}'")
    if best["turned"]:
        how = {"bgr": "reverse the channels", "inverted": "use 1 - x"}[best["turned"]]
        ways.append(f"{how} in the model's forward()")
    return f"The model was trained on other preprocessing ({best['name']}): {' and '.join(ways)}."
