"""Small random nets with every supported operator, and points of a region to evaluate them on."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from advkit.bounds.regions import Region, ball_and_box
from advkit.engine import NORMS
from advkit.models.classifier import Classifier

SHAPE = (2, 9, 8)


class Branches(nn.Module):
    """Residual sums, a concatenation, batch norm, pooling, and functions instead of modules."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(2, 4, 3, 2, 1)
        self.norm = nn.BatchNorm2d(4)
        self.inner = nn.Conv2d(4, 4, 3, 1, 1)
        self.skip = nn.Conv2d(4, 4, 1)
        self.grouped = nn.Conv2d(8, 8, 3, 1, padding="same", groups=2)
        self.pool = nn.MaxPool2d(3, 2, 1)
        self.last = nn.Linear(8, 3)
        self.norm.running_mean.uniform_(-0.5, 0.5)
        self.norm.running_var.uniform_(0.5, 2)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.norm(self.first(2 * x - 1)))
        y = self.inner(x) + self.skip(x)
        x = torch.cat([torch.relu(y), x - y], 1)
        x = self.pool(F.leaky_relu(self.grouped(x), 0.2))
        return self.last(x.mean([2, 3]))


def net_of(name: str, seed: int) -> Classifier:
    """Return one of `NETS` with random weights, larger than the defaults."""
    torch.manual_seed(seed)
    net = NETS[name]()
    for parameter in net.parameters():
        parameter.data *= 1.5
    return Classifier(net.eval(), name=name, mean=[0.4, 0.5], std=[0.3, 0.4])


def _dense() -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(144, 12), nn.ReLU(), nn.Linear(12, 9), nn.ReLU(),
                         nn.Linear(9, 3))  # fmt: skip


def _smooth() -> nn.Module:
    return nn.Sequential(nn.Conv2d(2, 3, 4, 2, 1), nn.Sigmoid(), nn.AvgPool2d(2), nn.Flatten(),
                         nn.Linear(12, 8), nn.Tanh(), nn.Linear(8, 3))  # fmt: skip


def _convolutions() -> nn.Module:
    return nn.Sequential(nn.Conv2d(2, 4, 4, 2, 1), nn.ReLU(), nn.Conv2d(4, 5, 3, 1, 0, bias=False),
                         nn.BatchNorm2d(5), nn.LeakyReLU(0.1), nn.AdaptiveAvgPool2d(2),
                         nn.Flatten(), nn.Dropout(0.5), nn.Linear(20, 3))  # fmt: skip


def _overhanging() -> nn.Module:
    """Windows of pooling that end outside the map, or beyond its padding."""
    return nn.Sequential(nn.Conv2d(2, 3, 3, 1, 1), nn.ReLU(), nn.MaxPool2d(2, ceil_mode=True),
                         nn.Conv2d(3, 4, 2), nn.ReLU(), nn.MaxPool2d(3, 2, 1, ceil_mode=True),
                         nn.AvgPool2d(2, 2, ceil_mode=True), nn.Flatten(),
                         nn.Linear(8, 3))  # fmt: skip


NETS = {"dense": _dense, "smooth": _smooth, "convolutions": _convolutions, "branches": Branches,
        "overhanging": _overhanging}  # fmt: skip
RADII = {"Linf": 0.05, "L2": 0.4, "L1": 1.5}


def images(n: int, seed: int, shape: tuple[int, ...] = SHAPE) -> Tensor:
    """Return images with some pixels at the limits of the box."""
    made = torch.Generator().manual_seed(seed)
    return (torch.rand(n, *shape, generator=made) * 1.4 - 0.2).clamp(0, 1)


def region_of(x: Tensor, norm: str) -> Region:
    """Return the region around ``x`` that is tested for ``norm``."""
    return ball_and_box(x, torch.full((len(x),), RADII[norm]), norm)


def points_of(x: Tensor, norm: str, count: int, model: Classifier, seed: int = 0) -> Tensor:
    """Return points (count, n, ...) of the region: corners, edges, interior, and by gradients."""
    made = torch.Generator().manual_seed(seed)
    radius = torch.full((len(x),), RADII[norm])
    found = []
    for i in range(count):
        noise = torch.randn(x.shape, generator=made)
        if i % 3 == 0:  # towards one class and away from another
            rows = model.net[-1].weight if isinstance(model.net, nn.Sequential) else None
            x_ = x.clone().requires_grad_(True)
            pull = torch.randn(3 if rows is None else len(rows), generator=made)
            (noise,) = torch.autograd.grad((model(x_) * pull).sum(), x_)
        far = x + 9 * RADII[norm] * NORMS[norm].steepest(noise)
        if norm == "Linf":
            far = x + RADII[norm] * noise.sign()
        found.append(NORMS[norm].confine(far, x, radius))
    return torch.stack(found)
