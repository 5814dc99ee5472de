"""Models without gradients: functions, endpoints, runtimes."""

from collections.abc import Callable, Sequence
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from advkit.errors import InputError, UsageError

Ask = Callable[[NDArray[np.float32]], Any]
Output = Literal["logits", "probabilities", "labels"]
OUTPUTS: Sequence[Output] = ("logits", "probabilities", "labels")
ROUNDED = 1e-6
"""How far below 0 a probability may be by rounding."""
LEAST = 1e-12
"""Smaller probabilities are raised to this, so that their logarithm is finite."""


class BlackBox(nn.Module):
    """Images to scores by a function of arrays; there is no gradient.

    ``ask`` takes float32 (n, ...) and returns (n, K), or labels (n,) with ``n_classes``. ``stamp``,
    32 bytes, identifies the function in the fingerprint of a classifier.
    """

    black_box = True
    stamp: Tensor

    def __init__(
        self, ask: Ask, stamp: bytes, *, output: str = "logits", n_classes: int = 0, name: str = ""
    ) -> None:
        super().__init__()
        if output not in OUTPUTS:
            raise UsageError(f"{name}: output={output}", f"one of {', '.join(OUTPUTS)}")
        if output == "labels" and n_classes < 2:
            raise UsageError(f"{name} gives labels: of how many classes?", "add n_classes=10")
        self.ask, self.output, self.n_classes, self.name = ask, output, n_classes, name
        self.register_buffer("stamp", torch.tensor(list(stamp), dtype=torch.uint8))

    def __deepcopy__(self, _memo: dict[int, Any]) -> "BlackBox":
        """Return itself: a session or connection is shared, and has no state between calls."""
        return self

    def forward(self, x: Tensor) -> Tensor:
        """Return scores (n, K) of ``x`` (n, ...); raises InputError for other output."""
        if not len(x):
            return x.new_zeros((0, self.n_classes))
        given = np.ascontiguousarray(x.detach().float().cpu().numpy())
        found = _as_array(self.ask(given), self.name)
        if self.output == "labels":
            return _votes(found, self.n_classes, len(x), self.name).to(x)
        if found.ndim != 2 or len(found) != len(x) or found.dtype.kind not in "fiu":
            raise InputError(
                f"{self.name} answers {found.dtype} of shape {found.shape} for {len(x)} samples, "
                "not scores (n, n_classes)",
                "return one row of scores per sample; of a function that gives labels, "
                "?output=labels&n_classes=10 says so",
            )
        self.n_classes = found.shape[1]
        scores = found.astype(np.float64)
        if self.output == "probabilities":
            if scores.size and scores.min() < -ROUNDED:
                raise InputError(
                    f"{self.name} answers {scores.min():.3g}, which is not a probability",
                    "say output=logits, or leave it out: logits and log-probabilities are both "
                    "such",
                )
            scores = np.log(np.clip(scores, LEAST, None))
        return torch.from_numpy(scores).to(x)


def _as_array(answer: Any, name: str) -> NDArray[Any]:
    """Return the answer of a function, a tensor too, as an array; raises InputError."""
    if isinstance(answer, Tensor):
        answer = answer.detach().cpu()
    try:
        return np.asarray(answer)
    except (TypeError, ValueError, RuntimeError) as error:
        raise InputError(
            f"{name} answers a {type(answer).__name__} that is no array: {error}",
            "return one row of scores per sample",
        ) from error


def labels_alone(model: nn.Module) -> bool:
    """Return whether ``model`` is a black box that gives labels; its rows are 0 and 1."""
    return any(isinstance(part, BlackBox) and part.output == "labels" for part in model.modules())


def pace_of(model: nn.Module) -> float:
    """Return the seconds per image of the service that ``model`` queries; 0 for other models."""
    asked = [part.ask for part in model.modules() if isinstance(part, BlackBox)]
    told = (getattr(ask, "pace", None) for ask in asked)
    return float(max((pace() for pace in told if pace), default=0.0))


def _votes(labels: NDArray[Any], n_classes: int, n: int, name: str) -> Tensor:
    if labels.shape != (n,) or labels.dtype.kind not in "iu":
        raise InputError(
            f"{name} answers {labels.dtype} of shape {labels.shape} for {n} samples, not labels"
        )
    if n and not 0 <= labels.min() <= labels.max() < n_classes:
        raise InputError(
            f"{name} answers labels from {labels.min()} to {labels.max()}, not 0 to {n_classes - 1}"
        )
    return torch.nn.functional.one_hot(torch.from_numpy(labels.astype(np.int64)), n_classes)
