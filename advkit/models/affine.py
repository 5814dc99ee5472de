"""Weights of a model that is linear in its input, whatever its implementation."""

import copy
from typing import NamedTuple

import torch
from torch import Tensor

from advkit.engine import Objective, evaluate
from advkit.errors import InputError
from advkit.models.classifier import Classifier

NEAR = 1e-6
"""Largest deviation of logits from linearity, relative to their spread."""


class Affine(NamedTuple):
    """Logits x W' + b of inputs in [0, 1]: scaling and normalisation are included."""

    weight: Tensor
    """(K, d), float64."""
    bias: Tensor
    """(K,), float64."""

    def logits(self, x: Tensor) -> Tensor:
        """Return the logits (n, K) of ``x`` (n, ...), float64."""
        return x.flatten(1).double() @ self.weight.T + self.bias


def affine_of(model: Classifier, x: Tensor) -> Affine:
    """Return the weights of a linear ``model`` for inputs like ``x`` (n, ...).

    Computed from its gradients in float64 and compared with its logits at ``x`` and at random
    points of the box. Raises InputError if it is not linear.
    """
    net, z = copy.deepcopy(model).double(), x[:16].double()
    g = torch.Generator().manual_seed(0)
    anywhere = torch.rand((16, *x.shape[1:]), generator=g, dtype=torch.float64).to(z.device)
    corners = (anywhere > 0.5).double()
    places = torch.cat([z, anywhere, corners])

    def value(x: Tensor) -> tuple[Tensor, Tensor]:
        logits = net(x)
        return logits, logits

    point = evaluate(Objective(value), torch.full_like(z[:1], 0.5))
    weight = point.gradient[0].flatten(1)
    bias = point.output[0] - weight @ point.x[0].flatten()
    found = Affine(weight, bias)
    wanted = evaluate(Objective(value), places, gradient=False).output
    off = float((found.logits(places) - wanted).abs().max())
    spread = float(wanted.max() - wanted.min())
    if not off <= NEAR * max(spread, 1e-12):
        raise InputError(
            f"the model {model.name} is not linear: its logits are up to {off:.3g} off a plane",
            "exact distances need logistic or softmax regression, a linear SVM or a ridge",
            code="E316",
        )
    return found
