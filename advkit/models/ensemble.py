"""Several nets as one, as a surrogate for transfer attacks."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from advkit.models.classifier import Classifier


class Ensemble(nn.Module):
    """The mean of the logits of several nets, each with its own normalisation."""

    def __init__(self, nets: Sequence[Classifier]) -> None:
        super().__init__()
        self.nets = nn.ModuleList(nets)

    def forward(self, x: Tensor) -> Tensor:
        """Return the mean logits (n, n_classes) of images ``x`` (n, ...) in [0, 1]."""
        return mean_answer(list(self.nets), x, "logits")


def ensemble_of(nets: Sequence[Classifier], name: str) -> Classifier:
    """Return the classifier with the mean logits of ``nets``."""
    whole = Classifier(Ensemble(nets), name=name, classes=nets[0].classes, shape=nets[0].shape)
    whole.n_classes = nets[0].n_classes
    return whole


def nets_of(model: Callable[[Tensor], Tensor]) -> list[Callable[[Tensor], Tensor]]:
    """Return the nets of an ensemble, or ``model`` itself alone."""
    inner = getattr(model, "net", model)
    return list(inner.nets) if isinstance(inner, Ensemble) else [model]


def mean_answer(nets: Sequence[Callable[[Tensor], Tensor]], x: Tensor, fuse: str) -> Tensor:
    """Return the mean logits of ``nets``, or the logarithm of their mean probabilities."""
    answers = [net(x) for net in nets]
    if fuse == "probability":
        answers = [logits.log_softmax(1) for logits in answers]
        return torch.stack(answers).logsumexp(0)
    total = answers[0]
    for other in answers[1:]:
        total = total + other
    return total / len(answers)
