"""A faster copy of a classifier: batch norms folded into the convolutions before them."""

from copy import deepcopy

import torch
from torch import Tensor, nn
from torch.fx.experimental.optimization import fuse

from advkit.engine import Objective, evaluate
from advkit.models.classifier import Classifier

SAME = 1e-3
"""Largest difference of logits and gradients between copy and model, relative to their size."""


def folded(model: Classifier, x: Tensor) -> Classifier | None:
    """Return a faster copy of ``model`` with equal outputs up to rounding; None if there is none.

    ``x`` (n, ...) in [0, 1] are images on which outputs and gradients are compared. There is none
    for a net without batch norms, for one that cannot be traced, and if the two differ.
    """
    if not any(isinstance(each, nn.modules.batchnorm._BatchNorm) for each in model.net.modules()):
        return None
    try:
        net = fuse(deepcopy(model.net), inplace=True)
        # Nets that tracing misrepresents, such as those with value-dependent branches, fail here.
        twin = _dressed(net, model)
        return twin if _alike(model, twin, x) else None
    except Exception:  # whatever a user's net raises in tracing: it is attacked without a copy
        return None


def _dressed(net: nn.Module, model: Classifier) -> Classifier:
    mean, std = (None if each is None else each.tolist() for each in (model.mean, model.std))
    twin = Classifier(
        net, name=model.name, classes=model.classes, mean=mean, std=std, shape=model.shape
    )
    twin.n_classes = model.n_classes
    return twin.to(next(model.parameters()).device)


def _alike(model: Classifier, twin: Classifier, x: Tensor) -> bool:
    def spread(each: Classifier) -> Objective:
        return Objective(lambda point: ((logits := each(point)).logsumexp(1), logits))

    ours, theirs = evaluate(spread(model), x), evaluate(spread(twin), x)
    return _near(ours.output, theirs.output) and _near(ours.gradient, theirs.gradient)


def _near(ours: Tensor, theirs: Tensor) -> bool:
    return bool(((ours - theirs).norm() <= SAME * ours.norm()) & torch.isfinite(theirs).all())
