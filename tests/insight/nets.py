"""Small nets: some with maps computed by hand, and random ones."""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from advkit.models.nets import build

Act = Callable[[Tensor], Tensor]
W1 = torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, -1.0]])
W2 = torch.tensor([[1.0, -2.0, 4.0], [3.0, -1.0, -2.0]])
W3 = torch.tensor([2.0, 1.0])
POINT = torch.tensor([[1.0, 2.0]])
"""The point where the net's layers are (1, 2, -1) and (-3, 1), and its score is 1."""


class ByHand(nn.Module):
    """Two ReLU layers and one output, as logits (n, 1)."""

    def __init__(self, first: Act, second: Act) -> None:
        super().__init__()
        self.first, self.second = first, second

    def forward(self, x: Tensor) -> Tensor:
        """Return the score of x (n, 2)."""
        h = self.first(x @ W1.to(x).T)
        return (self.second(h @ W2.to(x).T) @ W3.to(x))[:, None]


def spellings() -> dict[str, tuple[Act, Act]]:
    shared = nn.ReLU()
    return {
        "nn.ReLU": (nn.ReLU(), nn.ReLU()),
        "one nn.ReLU used twice": (shared, shared),
        "nn.ReLU(inplace=True)": (nn.ReLU(inplace=True), nn.ReLU(inplace=True)),
        "F.relu": (F.relu, F.relu),
        "F.relu(inplace=True)": (lambda z: F.relu(z, inplace=True),) * 2,
        "torch.relu": (torch.relu, torch.relu),
        "x.relu()": (lambda z: z.relu(),) * 2,
        "x.relu_()": (lambda z: z.relu_(),) * 2,
        "F.relu_": (F.relu_, F.relu_),
    }


def relatives() -> dict[str, tuple[Act, Act]]:
    """Return activations that are equal to ReLU below 6."""
    return {
        "nn.ReLU6": (nn.ReLU6(), nn.ReLU6(inplace=True)),
        "hardtanh from 0": (nn.Hardtanh(0, 50), lambda z: F.hardtanh_(z, 0.0, 50.0)),
        "clamp(min=0)": (lambda z: z.clamp(min=0), lambda z: torch.clamp(z, 0, None)),
        "clamp_": (lambda z: z.clamp_(0), lambda z: z.clamp_min_(0)),
        "clip": (lambda z: torch.clip(z, 0, 9), lambda z: z.clip(min=torch.tensor(0.0))),
        "threshold": (nn.Threshold(0, 0), lambda z: F.threshold(z, 0, 0, inplace=True)),
    }


class Skip(nn.Module):
    """``relu(x).a + x.b``: a ReLU with a skip connection around it."""

    def __init__(self, a: tuple[float, float], b: tuple[float, float]) -> None:
        super().__init__()
        self.a, self.b, self.relu = torch.tensor(a), torch.tensor(b), nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        """Return the score of x (n, 2) as logits (n, 1)."""
        return (self.relu(x) * self.a + x * self.b).sum(1, keepdim=True)


class Pooled(nn.Module):
    """A convolution, global average pooling and a linear head, for which CAM has a closed form."""

    def __init__(self, channels: int = 5, classes: int = 4, kernel: int = 3) -> None:
        super().__init__()
        self.features = nn.Conv2d(3, channels, kernel, padding=1)
        self.head = nn.Linear(channels, classes)

    def forward(self, x: Tensor) -> Tensor:
        """Return logits (n, classes)."""
        return self.head(self.features(x).mean((2, 3)))


def seeded(make: Callable[[], nn.Module], seed: int = 0) -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return make().eval()


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


def cnn(channels: int = 1) -> nn.Module:
    """Return a small frozen CNN of four classes for images of 12 x 12."""
    net = seeded(lambda: build("cnn", shape=(channels, 12, 12), n_classes=4, width=6, hidden=16))
    return net.requires_grad_(False)
