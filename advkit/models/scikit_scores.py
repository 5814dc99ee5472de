"""Estimators of scikit-learn as black boxes, by scores or decisions."""

from collections.abc import Sequence
from typing import Any

import joblib
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

Floats = NDArray[np.float64]

ABOVE = 1e-4
"""Minimum lead of the predicted class over the others: more than float32 rounding."""


class Scores(nn.Module):
    """An estimator as a black box: log probabilities, else its decision function, else its vote.

    The predicted class always has the highest score: if the scores disagree with the prediction (a
    tie, the votes of an SVM), that class is raised just above the others.
    """

    black_box = True
    stamp: Tensor

    def __init__(self, estimator: Any, order: Sequence[int]) -> None:
        super().__init__()
        self.estimator, self.order = estimator, list(order)
        # A buffer, so that the fingerprint of a classifier identifies the estimator.
        self.register_buffer("stamp", torch.tensor(list(bytes.fromhex(joblib.hash(estimator)))))

    def forward(self, x: Tensor) -> Tensor:
        """Return scores (n, K) of ``x`` (n, ...), without a gradient."""
        flat = x.detach().flatten(1).cpu().numpy().astype(np.float64)
        scores = self._scores(flat)
        said = np.searchsorted(self.estimator.classes_, self.estimator.predict(flat))
        own = np.take_along_axis(scores, said[:, None], 1)
        np.put_along_axis(scores, said[:, None], -np.inf, 1)
        least = scores.max(axis=1, keepdims=True) + ABOVE
        np.put_along_axis(scores, said[:, None], np.maximum(own, least), 1)
        return torch.from_numpy(scores[:, self.order]).to(x)

    def _scores(self, flat: Floats) -> Floats:
        if hasattr(self.estimator, "predict_proba"):
            found = np.asarray(self.estimator.predict_proba(flat), dtype=float)
            return np.asarray(np.log(np.clip(found, 1e-6, None)))
        if hasattr(self.estimator, "decision_function"):
            found = np.asarray(self.estimator.decision_function(flat), dtype=float)
            if found.ndim == 1:
                return np.stack([-found, found], 1) / 2
            if found.shape[1] == len(self.estimator.classes_):
                return np.array(found)
        return np.zeros((len(flat), len(self.estimator.classes_)))
