"""Nets of scikit-learn's linear estimators and MLPs: they compute in float64, as those do."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

Floats = NDArray[np.float64]


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

    def plain(self) -> nn.Module:
        """Return the same map as a layer of float64, for bounds."""
        return nn.Sequential(nn.Flatten(), _linear(self.weight, self.bias))


ACTIVATIONS = {"identity": nn.Identity, "relu": nn.ReLU, "tanh": nn.Tanh, "logistic": nn.Sigmoid}


class Layers(nn.Module):
    """The layers of an MLPClassifier, in float64 as scikit-learn computes them."""

    def __init__(self, layers: list[tuple[Floats, Floats, str]], order: Sequence[int]) -> None:
        super().__init__()
        parts: list[nn.Module] = []
        for i, (weight, bias, kind) in enumerate(layers):
            rows = order if i == len(layers) - 1 else slice(None)
            wide = [torch.tensor(part[rows], dtype=torch.float64) for part in (weight, bias)]
            parts += [_linear(*wide), ACTIVATIONS[kind]()]
        self.layers = nn.Sequential(*parts[:-1])

    def forward(self, x: Tensor) -> Tensor:
        """Return logits (n, K) of ``x`` (n, ...), in its type."""
        wide = next(self.parameters()).dtype
        return self.layers(x.flatten(1).to(wide)).to(x.dtype)  # type: ignore[no-any-return]

    def plain(self) -> nn.Module:
        """Return the same layers, of float64, for bounds."""
        return nn.Sequential(nn.Flatten(), *self.layers)


def _linear(weight: Tensor, bias: Tensor) -> nn.Linear:
    made = nn.Linear(weight.shape[1], len(weight), dtype=weight.dtype, device=weight.device)
    made.weight, made.bias = nn.Parameter(weight), nn.Parameter(bias)
    return made
