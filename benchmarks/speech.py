"""Adversarial speech: how quiet a perturbation can be that fools a digit recogniser."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from advkit.attacks import ATTACKS
from advkit.attacks.targets_per_sample import choose_targets
from advkit.data.samples import SIGNAL, Samples, take, taken_relative, units
from advkit.errors import EmptyError, UsageError
from advkit.evaluate.intervals import Share, wilson
from advkit.evaluate.measure import measure
from advkit.evaluate.stage_context import Progress, all_units
from advkit.models.classifier import Classifier
from advkit.models.probe import probe
from advkit.numbers import decibels

SNRS = (20.0, 25.0, 30.0, 35.0, 40.0, 45.0, 50.0)
GOAL = 30.0
"""Decibels of the fixed-eps attack; quieter examples are found by the minimum-norm attack."""


class Study(NamedTuple):
    """Common inputs of the parts of the study.

    ``samples`` are all clips; ``right`` and ``targets`` are the attacked ones, which are classified
    correctly and have eps relative to their own size; ``seed`` is that of all randomness.
    """

    model: Classifier
    samples: Samples
    right: Samples
    targets: Tensor
    seed: int
    progress: Progress

    def radius(self, snr: float) -> Tensor:
        """Return the L2 radius in [0, 1] that is ``snr`` dB below each attacked clip, (n,)."""
        unit = units(self.right, "L2")
        assert unit is not None  # noqa: S101
        return decibels(snr) * unit

    def judged(self, x_adv: Tensor, targets: Tensor | None) -> tuple[np.ndarray, np.ndarray]:
        """Return whether each example is valid and fooling, and its signal-to-noise ratio in dB."""
        rows = measure(self.model, self.right.x, self.right.y, x_adv, norm="L2", eps=1e3,
                       targets=targets, units=all_units(self.right))  # fmt: skip
        with np.errstate(divide="ignore"):
            snr = -20 * np.log10(rows["L2"].to_numpy(dtype=float))
        return (rows["fooled"] & rows["valid"]).to_numpy(dtype=bool), snr

    def first(self, n: int) -> "Study":
        """Return the study restricted to the first ``n`` attacked clips."""
        some = range(min(n, len(self.right.ids)))
        return self._replace(right=take(self.right, some), targets=self.targets[: len(some)])


class Curve(NamedTuple):
    """The quietest example found per clip, and its signal-to-noise ratio in dB (-inf: none)."""

    x_adv: Tensor
    snr: np.ndarray

    def share(self, snr: float) -> Share:
        """Return the share of clips with an example at ``snr`` dB or quieter."""
        return wilson(int((self.snr >= snr - 1e-4).sum()), len(self.snr))


def begin(
    model: Classifier, samples: Samples, *, clips: int, seed: int, progress: Progress
) -> tuple[Study, Share]:
    """Return the study and the clean accuracy over all ``samples``; ``clips`` are attacked.

    Targets are drawn per clip among the other classes. Raises UsageError for data that is not
    sound, EmptyError if no clip is classified correctly.
    """
    if samples.box != SIGNAL:
        raise UsageError(f"{samples.name} is not sound", "give --data audio:DIR")
    probe(model, samples.x, samples.y)
    read = torch.cat([model(part).argmax(1) for part in torch.split(samples.x, 64)])
    right = (read == samples.y).nonzero()[:, 0].tolist()
    if not right:
        raise EmptyError(f"{model.name} classifies none of {len(samples.ids)} clips correctly",
                         "check rate, length and class order")  # fmt: skip
    spread = [
        right[i] for i in np.unique(np.linspace(0, len(right) - 1, clips).round().astype(int))
    ]
    few = taken_relative(take(samples, spread), otherwise="")
    targets = choose_targets(model, few.x, few.y, "random", seed=seed, ids=few.ids)
    study = Study(model, samples, few, targets, seed, progress)
    return study, wilson(len(right), len(samples.ids))


def quietest(study: Study, targets: Tensor | None, steps: int) -> Curve:
    """Return the quietest examples of APGD at fixed radii, `GOAL` among them, and of FMN."""
    what = "any other digit" if targets is None else "a chosen digit"
    found = Curve(study.right.x, np.full(len(study.right.ids), -np.inf))
    given: dict[str, Any] = {"norm": "L2", "seed": study.seed, "ids": study.right.ids,
                             "targets": targets, "steps": steps}  # fmt: skip
    runs: list[Callable[[], Tensor]] = [
        lambda: _ask("apgd", study, eps=study.radius(GOAL), loss="ce", **given),
        lambda: _ask("apgd", study, eps=study.radius(SNRS[0]), loss="ce",
                     **{**given, "steps": steps // 4}),
        lambda: _ask("fmn", study, eps=None, **given),
    ]  # fmt: skip
    for i, run in enumerate(runs):
        found = _quieter(study, found, run(), targets)
        study.progress(what, i + 1, len(runs))
    return found


def _ask(name: str, study: Study, **given: Any) -> Tensor:
    return ATTACKS[name](study.model, study.right.x, study.right.y, **given)


def _quieter(study: Study, found: Curve, x_adv: Tensor, targets: Tensor | None) -> Curve:
    fooled, snr = study.judged(x_adv, targets)
    better = fooled & (snr > found.snr)
    rows = torch.from_numpy(better).to(x_adv.device)
    x = torch.where(rows[:, None], x_adv, found.x_adv)
    return Curve(x, np.where(better, snr, found.snr))
