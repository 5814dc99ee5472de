"""Planted gradient masking, and the unmasked counterpart of each defect."""

import io
from collections.abc import Callable
from copy import deepcopy
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional as F

from advkit.benchmarks.lying_gradients import (
    OfAnother,
    half,
    label_alone,
    own_softmax,
    turned_for_some,
    zero,
)

DRAWS = 64


class Before(nn.Module):
    """A net with preprocessing."""

    def __init__(self, net: nn.Module, change: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.net, self.change = net, change

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits (n, n_classes)."""
        return self.net(self.change(x))  # type: ignore[no-any-return]


class After(nn.Module):
    """A net with postprocessing of its logits."""

    def __init__(self, net: nn.Module, change: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.net, self.change = net, change

    def forward(self, x: Tensor) -> Tensor:
        """Return the postprocessed logits."""
        return self.change(self.net(x))


class Random(nn.Module):
    """A net with preprocessing that draws a uniform random number per pixel.

    With ``fixed`` > 0 it returns the mean over that many fixed draws.
    """

    def __init__(
        self, net: nn.Module, change: Callable[[Tensor, Tensor], Tensor], fixed: int = 0
    ) -> None:
        super().__init__()
        self.net, self.change, self.fixed = net, change, fixed

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits, or their mean over the fixed draws."""
        if not self.fixed:
            return self.net(self.change(x, torch.rand_like(x)))  # type: ignore[no-any-return]
        generator = torch.Generator().manual_seed(0)
        draws = torch.rand(self.fixed, *x.shape[1:], generator=generator)
        return torch.stack([self.net(self.change(x, draw)) for draw in draws]).mean(0)


class WinnersTakeAll(nn.Module):
    """Activation that keeps only the largest values (k-winners-take-all, Xiao et al. 2020)."""

    def __init__(self, part: float) -> None:
        super().__init__()
        self.part = part

    def forward(self, x: Tensor) -> Tensor:
        """Return ``x`` with all but the largest values set to 0."""
        flat = x.flatten(1)
        least = flat.topk(max(int(flat.shape[1] * self.part), 1), dim=1).values[:, -1]
        return x * (flat >= least[:, None]).to(x.dtype).view_as(x)


def quantised(x: Tensor) -> Tensor:
    """Round to 4 bits."""
    return (x * 15).round() / 15


def thermometer(x: Tensor) -> Tensor:
    """Return the mean of 16 bits per pixel (Buckman et al. 2018), as a first layer sums them."""
    levels = (torch.arange(16) / 16 + 1 / 32).view(-1, *[1] * (x.ndim - 1))
    return (x[:, None] > levels).float().mean(1)


def jpeg(x: Tensor) -> Tensor:
    """Compress every channel as a grey JPEG of quality 75, outside torch."""
    planes = (x.detach().clamp(0, 1) * 255).round().byte().flatten(0, 1).cpu().numpy()
    back = []
    for plane in planes:
        file = io.BytesIO()
        Image.fromarray(plane).save(file, "jpeg", quality=75)
        back.append(np.asarray(Image.open(file), dtype=np.float32) / 255)
    return torch.from_numpy(np.stack(back)).view_as(x)


def turned(x: Tensor) -> Tensor:
    """Return ``x``; the backward pass negates the gradient."""
    same = x.view_as(x)
    if same.requires_grad:
        same.register_hook(torch.neg)  # type: ignore[no-untyped-call]
    return same


def noisy(x: Tensor, draw: Tensor) -> Tensor:
    """Add noise of up to 0.03."""
    return x + 0.03 * (2 * draw - 1)


def dropped(x: Tensor, draw: Tensor) -> Tensor:
    """Set 5% of all pixels to 0, as dropout does."""
    return x * (draw > 0.05) / 0.95


def _passed_on(change: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    return lambda x: x + (change(x) - x).detach()


def _with_winners(net: nn.Module) -> nn.Module:
    copy = deepcopy(net)
    for name, module in list(copy.named_modules()):
        if isinstance(module, nn.ReLU):
            copy.set_submodule(name, WinnersTakeAll(0.15))
    return copy


class Defect(NamedTuple):
    """Functions that mask a net and unmask it, and the check that must detect the mask."""

    mask: Callable[[nn.Module], nn.Module]
    unmask: Callable[[nn.Module], nn.Module]
    check: str


def _before(change: Callable[[Tensor], Tensor]) -> Defect:
    return Defect(
        lambda net: Before(net, change),
        lambda net: Before(net, _passed_on(change)),
        "zero_gradients",
    )


def _random(change: Callable[[Tensor, Tensor], Tensor]) -> Defect:
    return Defect(
        lambda net: Random(net, change),
        lambda net: Random(net, change, DRAWS),
        "randomised_predictions",
    )


def _lie(change: Callable[[Tensor], Tensor], check: str) -> Defect:
    return Defect(lambda net: Before(net, change), lambda net: net, check)


def _answer(change: Callable[[Tensor], Tensor], check: str) -> Defect:
    return Defect(lambda net: After(net, change), lambda net: net, check)


DEFECTS: dict[str, Defect] = {
    "input quantisation": _before(quantised),
    "logits times 10,000": _answer(lambda z: z * 1e4, "saturated_loss"),
    "saturated softmax": _answer(lambda z: F.softmax(z * 100, 1), "softmax_outputs"),
    "noise at inference": _random(noisy),
    "dropout left on": _random(dropped),
    "JPEG preprocessing": _before(jpeg),
    "k winners take all": Defect(_with_winners, lambda net: net, "wrong_gradients"),
    "detached graph": _before(lambda x: x.detach()),
    "thermometer encoding": _before(thermometer),
    "sign flip": _lie(turned, "wrong_gradients"),
    "sign flip for some images": _lie(turned_for_some, "wrong_gradients"),
    "half a gradient": _lie(half, "wrong_gradients"),
    "backward pass of zeros": _lie(zero, "zero_gradients"),
    "gradient of another net": Defect(
        lambda net: OfAnother(net, 1.0), lambda net: net, "better_gradient"
    ),
    "labels alone": _answer(label_alone, "zero_gradients"),
    "softmax of its own": _answer(own_softmax, "softmax_outputs"),
    "quantisation and a softmax": Defect(
        lambda net: After(Before(net, quantised), own_softmax),
        lambda net: Before(net, _passed_on(quantised)),
        "zero_gradients",
    ),
}
"""k winners take all has no substitute gradient, so it is compared with the original net."""
