"""Queries to a target that returns labels only, and the choice of query images."""

from collections.abc import Sequence

import torch
from torch import Tensor

from advkit.engine import evaluate
from advkit.engine.objectives import class_score
from advkit.models.classifier import Classifier


def target_labels(target: Classifier, x: Tensor) -> Tensor:
    """Return the classes (n,) that the target predicts for ``x`` (n, ...), its only output used.

    One query per image.
    """
    with torch.no_grad():
        return torch.cat([target(part).argmax(1) for part in torch.split(x, 256)])


def augmented(nets: Sequence[Classifier], x: Tensor, labels: Tensor, step: float) -> Tensor:
    """Return ``x`` (n, ...) moved by ``step`` in the direction of falling score of its label.

    The direction is the sign of the gradient (Papernot et al. 2017), for image i of net i modulo
    the number of nets; ``labels`` are (n,).
    """
    moved = x.clone()
    for at, net in enumerate(nets):
        which = torch.arange(at, len(x), len(nets), device=x.device)
        if len(which):
            slope = evaluate(class_score(net, labels[which]), x[which]).gradient
            moved[which] = (x[which] - step * slope.sign()).clamp(0, 1)
    return moved
