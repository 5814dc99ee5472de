"""What an attacker asks of a target that gives labels alone, and about which images."""

from collections.abc import Sequence

import torch
from torch import Tensor

from advkit.engine import evaluate
from advkit.engine.objectives import class_score
from advkit.models.classifier import Classifier


def target_labels(target: Classifier, x: Tensor) -> Tensor:
    """Return the class (n,) that the target gives each of ``x`` (n, ...): all that is asked of it.

    One query for each image.
    """
    with torch.no_grad():
        return torch.cat([target(part).argmax(1) for part in torch.split(x, 256)])


def augmented(nets: Sequence[Classifier], x: Tensor, labels: Tensor, step: float) -> Tensor:
    """Return ``x`` (n, ...) moved by ``step`` where the score of its label (n,) falls fastest.

    The signs of the gradient, as Papernot et al. 2017; image i by net i modulo their number.
    """
    moved = x.clone()
    for at, net in enumerate(nets):
        which = torch.arange(at, len(x), len(nets), device=x.device)
        if len(which):
            slope = evaluate(class_score(net, labels[which]), x[which]).gradient
            moved[which] = (x[which] - step * slope.sign()).clamp(0, 1)
    return moved
