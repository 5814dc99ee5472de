"""Nets with unchanged predictions and a wrong backward pass, and nets with altered outputs."""

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class _Same(torch.autograd.Function):
    @staticmethod
    def forward(_ctx: Any, x: Tensor) -> Tensor:
        return x.view_as(x)


class _Zero(_Same):
    @staticmethod
    def backward(_ctx: Any, *slopes: Tensor) -> Tensor:
        return torch.zeros_like(slopes[0])


class _Half(_Same):
    @staticmethod
    def backward(_ctx: Any, *slopes: Tensor) -> Tensor:
        width = slopes[0].shape[-1]
        return slopes[0] * (torch.arange(width) < width // 2)


zero: Callable[[Tensor], Tensor] = _Zero.apply
"""Return the input; the backward pass returns a zero gradient."""
half: Callable[[Tensor], Tensor] = _Half.apply
"""Return the input; the backward pass returns only the left half of the gradient."""


def turned_for_some(x: Tensor) -> Tensor:
    """Return ``x``; the backward pass negates the gradient of images darker than the batch mean."""
    same = x.view_as(x)
    if same.requires_grad:
        level = x.detach().flatten(1).mean(1).view(-1, *[1] * (x.ndim - 1))
        same.register_hook(lambda slope: torch.where(level < level.mean(), -slope, slope))  # type: ignore[no-untyped-call]
    return same


class OfAnother(nn.Module):
    """The logits of a net, with the gradient of a copy with perturbed weights."""

    def __init__(self, net: nn.Module, off: float) -> None:
        super().__init__()
        self.net, self.other = net, deepcopy(net)
        generator = torch.Generator().manual_seed(0)
        for weight in self.other.parameters():
            if weight.ndim > 1:
                noise = torch.randn(weight.shape, generator=generator)
                weight.data = weight.data + off * weight.data.std() * noise

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits of the net."""
        other = self.other(x)
        return self.net(x).detach() + other - other.detach()  # type: ignore[no-any-return]


def label_alone(logits: Tensor) -> Tensor:
    """Return 1 for the predicted class, 0 for all others."""
    return F.one_hot(logits.argmax(1), logits.shape[1]).float()


def own_softmax(logits: Tensor) -> Tensor:
    """Return the softmax of 100 times the logits, without torch's softmax function."""
    powers = (100 * (logits - logits.amax(1, keepdim=True))).exp()
    return powers / powers.sum(1, keepdim=True)
