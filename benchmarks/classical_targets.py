"""scikit-learn classifiers as transfer targets: do examples made on nets fool other models?

As Papernot et al. 2016 ("Transferability in Machine Learning") did for logistic regression, a
support vector machine, a decision tree and nearest neighbours.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from advkit.benchmarks.transfer_runs import Net
from advkit.data.samples import Samples
from advkit.models.classifier import Classifier


def _linear_svm() -> Any:
    from sklearn.svm import LinearSVC

    return LinearSVC(random_state=0)


def _kernel_svm() -> Any:
    from sklearn.svm import SVC

    return SVC(random_state=0)


def _forest() -> Any:
    from sklearn.ensemble import RandomForestClassifier

    return RandomForestClassifier(100, random_state=0)


def _neighbours() -> Any:
    from sklearn.neighbors import KNeighborsClassifier

    return KNeighborsClassifier(5, weights="distance")


CLASSICAL: dict[str, Callable[[], Any]] = {
    "linear SVM": _linear_svm,
    "kernel SVM": _kernel_svm,
    "random forest": _forest,
    "nearest neighbours": _neighbours,
}
MOST = 10_000  # images that each classifier is fitted on


class Scores(nn.Module):
    """A fitted classifier as a net without gradients, with its scores as logits."""

    def __init__(self, fitted: Any, n_classes: int) -> None:
        super().__init__()
        self.fitted, self.n_classes = fitted, n_classes

    def forward(self, x: Tensor) -> Tensor:
        """Return scores (n, n_classes) of images ``x`` (n, ...), lowest for unseen classes."""
        flat = x.detach().flatten(1).double().cpu().numpy()
        rate = getattr(self.fitted, "decision_function", None) or self.fitted.predict_proba
        found = rate(flat)
        if found.ndim == 1:
            found = np.stack([-found, found], 1)
        scores = np.full((len(flat), self.n_classes), found.min() - 1.0)
        scores[:, self.fitted.classes_] = found
        return torch.from_numpy(scores).to(x)


def classical_targets(samples: Samples, n_classes: int) -> list[Net]:
    """Fit all of CLASSICAL on the first 10,000 of ``samples``; return them as targets."""
    x = samples.x[:MOST].flatten(1).double().cpu().numpy()
    y = samples.y[:MOST].cpu().numpy()
    nets = []
    for name, make in CLASSICAL.items():
        fitted = make().fit(x, y)
        model = Classifier(Scores(fitted, n_classes), name=name, classes=samples.classes)
        nets.append(Net(name, name, model, source=False, counted=False))
    return nets
