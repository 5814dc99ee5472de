"""Estimators of scikit-learn as classifiers: linear ones exactly, all others by their scores.

A linear estimator, behind any scalers, becomes one layer that gives its decision function; it has
gradients, and exact distances. Any other (kernel SVM, trees, forests, nearest neighbours) is asked
as a black box: attacks that need scores or decisions work on it, those that need gradients find
none.
"""

from collections.abc import Sequence
from typing import Any

import joblib
import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted
from torch import Tensor, nn

from advkit.errors import InputError
from advkit.models.classifier import Classifier

Floats = NDArray[np.float64]

AFFINE = (
    "StandardScaler", "MinMaxScaler", "MaxAbsScaler", "RobustScaler", "PCA", "IncrementalPCA",
    "TruncatedSVD", "VarianceThreshold", "SelectKBest", "SelectPercentile",
)  # fmt: skip
"""Transformers that are x A + b, by name; their map is read off a few inputs."""


def from_estimator(
    estimator: Any, *, name: str = "", classes: Sequence[str] | None = None
) -> Classifier:
    """Return a classifier of flattened inputs that scores as the fitted ``estimator`` does.

    Logits of a linear estimator are its decision function (two classes: minus half of it, and
    half), of any other what `Scores` says. Class k is that of label k; labels that are names are
    put into the order of ``classes`` where these are the same names. Raises InputError where it is
    not fitted, is no classifier, or its labels are other numbers than 0, 1, 2 ...
    """
    label = name or type(_steps(estimator)[-1]).__name__
    try:
        check_is_fitted(estimator)
    except Exception as error:
        raise InputError(f"{label} is not fitted", "call fit(x, y) before") from error
    if not hasattr(estimator, "classes_") or np.ndim(estimator.classes_[0]):
        raise InputError(f"{label} is no classifier of one label", "give one with classes_")
    names, order = _order(estimator.classes_, classes, label)
    weights = affine_weights(estimator)
    if weights:
        return Classifier(Decision(*(part[order] for part in weights)), name=label, classes=names)
    return Classifier(Scores(estimator, order), name=label, classes=names)


def _order(
    labels: Any, classes: Sequence[str] | None, name: str
) -> tuple[tuple[str, ...], list[int]]:
    """Return the names of the classes, and which of the estimator's classes each of them is."""
    own, k = tuple(str(one) for one in labels), len(labels)
    if np.issubdtype(np.asarray(labels).dtype, np.number):
        if list(labels) != list(range(k)):
            told = ", ".join(own[:4]) + (", ..." if k > 4 else "")
            raise InputError(
                f"{name} was fitted on the labels {told}",
                f"fit it on 0 to {k - 1}, in the order of the classes of the data",
            )
        return tuple(classes) if classes and len(classes) == k else own, list(range(k))
    if classes and set(classes) == set(own):
        return tuple(classes), [own.index(one) for one in classes]
    return own, list(range(k))


def affine_weights(estimator: Any) -> tuple[Floats, Floats] | None:
    """Return weight (K, d) and bias (K,) of a linear estimator, None for any other.

    K is the number of classes. Two share the decision function, minus half and half of it: were
    one logit 0, the gradient of the cross entropy would vanish where the other class is sure in
    float32.
    """
    *before, last = _steps(estimator)
    votes = type(last).__name__ in ("SVC", "NuSVC") and len(last.classes_) > 2
    if votes or not hasattr(last, "coef_") or not hasattr(last, "decision_function"):
        return None
    weight = np.atleast_2d(np.asarray(last.coef_, dtype=float))
    bias = np.broadcast_to(np.asarray(last.intercept_, dtype=float), len(weight))
    for step in reversed(before):
        if type(step).__name__ not in AFFINE or getattr(step, "clip", False):
            return None
        matrix, offset = _map_of(step)
        weight, bias = weight @ matrix.T, bias + weight @ offset
    if len(weight) == 1:
        weight, bias = np.vstack([-weight, weight]) / 2, np.r_[-bias, bias] / 2
    return weight, bias


def _steps(estimator: Any) -> list[Any]:
    if not isinstance(estimator, Pipeline):
        return [estimator]
    found = [one for step in estimator.steps for one in _steps(step[1])]
    return [one for one in found if one not in (None, "passthrough")]


def _map_of(step: Any) -> tuple[Floats, Floats]:
    """Return A (d, k) and b (k,) of a transformer that is x A + b."""
    d = step.n_features_in_
    offset = _dense(step.transform(np.zeros((1, d))))
    return np.subtract(_dense(step.transform(np.eye(d))), offset), offset[0]


def _dense(found: Any) -> Any:
    return np.asarray(found.toarray() if hasattr(found, "toarray") else found, dtype=float)


class Decision(nn.Module):
    """The decision function of a linear estimator, summed in float64."""

    weight: Tensor
    bias: Tensor

    def __init__(self, weight: Floats, bias: Floats) -> None:
        super().__init__()
        self.register_buffer("weight", torch.tensor(weight))
        self.register_buffer("bias", torch.tensor(bias))

    def forward(self, x: Tensor) -> Tensor:
        """Return logits (n, K) of ``x`` (n, ...), in its type."""
        return (x.flatten(1).to(self.weight.dtype) @ self.weight.T + self.bias).to(x.dtype)


ABOVE = 1e-4
"""By how much the predicted class is above the others at least: more than float32 rounds away."""


class Scores(nn.Module):
    """An estimator as a black box: log probabilities, else its decision function, else its vote.

    The class that it predicts always has the highest score: where its own scores disagree with its
    prediction (a tie, the votes of an SVM), that class is raised just above the others.
    """

    stamp: Tensor

    def __init__(self, estimator: Any, order: Sequence[int]) -> None:
        super().__init__()
        self.estimator, self.order = estimator, list(order)
        # So that the fingerprint of a classifier, made of its buffers, tells estimators apart.
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
