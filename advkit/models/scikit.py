"""Estimators of scikit-learn as classifiers: linear ones and MLPs exactly, others by scores.

A linear estimator, behind any scalers, becomes one layer with its decision function; it has
gradients, and exact distances. An MLPClassifier becomes its layers. Any other (kernel SVM, trees,
forests, nearest neighbours) is a black box, for attacks that need scores or decisions only.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from advkit.errors import InputError
from advkit.models.classifier import Classifier
from advkit.models.scikit_layers import Decision, Floats, Layers
from advkit.models.scikit_scores import Scores

AFFINE = (
    "StandardScaler", "MinMaxScaler", "MaxAbsScaler", "RobustScaler", "PCA", "IncrementalPCA",
    "TruncatedSVD", "VarianceThreshold", "SelectKBest", "SelectPercentile",
)  # fmt: skip
"""Transformers of the form x A + b, by name; their map is computed from a few inputs."""


def from_estimator(
    estimator: Any, *, name: str = "", classes: Sequence[str] | None = None
) -> Classifier:
    """Return a classifier of flattened inputs with the scores of the fitted ``estimator``.

    Logits of a linear estimator are its decision function (two classes: minus half of it, and
    half), of any other the `Scores`. Class k is that of label k; labels that are names are put into
    the order of ``classes`` if these are the same names. Raises InputError if it is not fitted, is
    no classifier, or its labels are other numbers than 0, 1, 2 ...
    """
    label = name or type(_steps(estimator)[-1]).__name__
    try:
        check_is_fitted(estimator)
    except Exception as error:
        raise InputError(f"{label} is not fitted", "call fit(x, y) first") from error
    if not hasattr(estimator, "classes_") or np.ndim(estimator.classes_[0]):
        raise InputError(f"{label} is not a single-label classifier", "give one with classes_")
    names, order = _order(estimator.classes_, classes, label)
    weights = affine_weights(estimator)
    if weights:
        return Classifier(Decision(*(part[order] for part in weights)), name=label, classes=names)
    layers = mlp_layers(estimator)
    if layers:
        return Classifier(Layers(layers, order), name=label, classes=names)
    return Classifier(Scores(estimator, order), name=label, classes=names)


def _order(
    labels: Any, classes: Sequence[str] | None, name: str
) -> tuple[tuple[str, ...], list[int]]:
    """Return the names of the classes, and the index of each in the estimator."""
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

    K is the number of classes. Two classes share the decision function, minus half and half of it:
    if one logit were 0, the gradient of the cross entropy would vanish in float32 at high
    confidence of the other class.
    """
    *before, last = _steps(estimator)
    votes = type(last).__name__ in ("SVC", "NuSVC") and len(last.classes_) > 2
    if votes or not hasattr(last, "coef_") or not hasattr(last, "decision_function"):
        return None
    weight = np.atleast_2d(np.asarray(last.coef_, dtype=float))
    bias = np.broadcast_to(np.asarray(last.intercept_, dtype=float), len(weight))
    found = _behind(before, weight, bias)
    return found and _both_classes(*found)


def mlp_layers(estimator: Any) -> list[tuple[Floats, Floats, str]] | None:
    """Return weight, bias and activation of each layer of an MLPClassifier; None for any other.

    The last layer returns the input of the softmax; two classes share it as in `affine_weights`.
    """
    *before, last = _steps(estimator)
    if type(last).__name__ != "MLPClassifier" or last.out_activation_ not in (
        "softmax",
        "logistic",
    ):
        return None
    if np.ndim(last.classes_[0]) or (last.out_activation_ == "logistic" and last.n_outputs_ > 1):
        return None
    first = _behind(before, last.coefs_[0].T, last.intercepts_[0])
    if first is None:
        return None
    layers = [
        first,
        *((w.T, b) for w, b in zip(last.coefs_[1:], last.intercepts_[1:], strict=True)),
    ]
    layers[-1] = _both_classes(*layers[-1])
    kinds = [last.activation] * (len(layers) - 1) + ["identity"]
    return [(*layer, kind) for layer, kind in zip(layers, kinds, strict=True)]


def _behind(before: list[Any], weight: Floats, bias: Floats) -> tuple[Floats, Floats] | None:
    """Return the layer with the steps ``before`` it merged in; None if one is not affine."""
    for step in reversed(before):
        if type(step).__name__ not in AFFINE or getattr(step, "clip", False):
            return None
        matrix, offset = _map_of(step)
        weight, bias = weight @ matrix.T, bias + weight @ offset
    return weight, bias


def _both_classes(weight: Floats, bias: Floats) -> tuple[Floats, Floats]:
    if len(weight) == 1:
        return np.vstack([-weight, weight]) / 2, np.r_[-bias, bias] / 2
    return weight, bias


def _steps(estimator: Any) -> list[Any]:
    if not isinstance(estimator, Pipeline):
        return [estimator]
    found = [one for step in estimator.steps for one in _steps(step[1])]
    return [one for one in found if one not in (None, "passthrough")]


def _map_of(step: Any) -> tuple[Floats, Floats]:
    """Return A (d, k) and b (k,) of a transformer x A + b."""
    d = step.n_features_in_
    offset = _dense(step.transform(np.zeros((1, d))))
    return np.subtract(_dense(step.transform(np.eye(d))), offset), offset[0]


def _dense(found: Any) -> Any:
    return np.asarray(found.toarray() if hasattr(found, "toarray") else found, dtype=float)
