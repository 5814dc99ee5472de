"""Cost baseline: a plain net, and a minimal PGD loop on it."""

import time
from copy import deepcopy

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from advkit.benchmarks.peers.contestants import STEP
from advkit.data.samples import Samples
from advkit.models.classifier import Classifier


class Plain(nn.Module):
    """The net of ``classifier`` as a plain PyTorch module, without advkit."""

    mean: Tensor | None
    std: Tensor | None

    def __init__(self, classifier: Classifier) -> None:
        super().__init__()
        self.net = deepcopy(classifier.net).to(memory_format=torch.contiguous_format)
        self.register_buffer("mean", classifier.mean)
        self.register_buffer("std", classifier.std)
        self.requires_grad_(True).eval()

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits of ``x`` in [0, 1], (n, channels, height, width)."""
        if self.mean is not None:
            x = x - self.mean.view(-1, 1, 1)
        if self.std is not None:
            x = x / self.std.view(-1, 1, 1)
        return self.net(x)  # type: ignore[no-any-return]


def bare_loop(net: nn.Module, x: Tensor, y: Tensor, eps: float, steps: int) -> None:
    """Run a minimal Linf PGD: ``steps`` gradients and steps."""
    low, high = (x - eps).clamp_min(0), (x + eps).clamp_max(1)
    z = x.clone()
    for _ in range(steps):
        z.requires_grad_(True)
        (slope,) = torch.autograd.grad(F.cross_entropy(net(z), y, reduction="sum"), z)
        z = (z.detach() + STEP * eps * slope.sign()).clamp(low, high)


def bare_cost(net: nn.Module, samples: Samples, steps: int = 10, batch: int = 100) -> float:
    """Return the CPU seconds of the bare loop per image and gradient step."""
    x, y = samples.x[: 2 * batch], samples.y[: 2 * batch]
    began = time.process_time()
    for at in range(0, len(x), batch):
        bare_loop(net, x[at : at + batch], y[at : at + batch], 0.1, steps)
    return (time.process_time() - began) / (len(x) * steps)
