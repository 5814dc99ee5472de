"""Small nets, samples and quick attacks shared by the tests of attacks."""

from collections.abc import Sequence
from functools import partial
from typing import Literal

import torch
from torch import Tensor, nn

from advkit.attacks.projected_gradient import pgd
from advkit.engine import NORMS
from advkit.engine.objectives import Model, margins
from advkit.engine.projections import furthest
from advkit.engine.seeding import keys, normal

few = partial(pgd, steps=4, step=0.3)


class Affine(nn.Module):
    """A linear model of two classes, whose logits are minus and plus half of one score."""

    def __init__(self, weight: Tensor, bias: Tensor) -> None:
        super().__init__()
        self.register_buffer("weight", weight)
        self.register_buffer("bias", bias)

    def forward(self, x: Tensor) -> Tensor:
        score = x.flatten(1) @ self.weight + self.bias
        return torch.stack([-score / 2, score / 2], 1)


def affine(size: int, *, seed: int = 0, ill: bool = False) -> Affine:
    """Return a random model; ``ill`` makes its weights span four orders of magnitude."""
    g = torch.Generator().manual_seed(seed)
    weight = torch.randn(size, generator=g)
    if ill:
        weight = weight * torch.logspace(-2, 2, size)[torch.randperm(size, generator=g)]
    return Affine(weight, -0.5 * weight.sum() + 0.1 * torch.randn((), generator=g))


def near_boundary(model: Affine, n: int, share: float, norm: str, *, seed: int = 1) -> Tensor:
    """Return grey images with exact distance to the boundary, without the box, near ``share``."""
    g = torch.Generator().manual_seed(seed)
    size = len(model.weight)
    x = 0.5 + 0.01 * torch.randn(n, size, generator=g)
    away = NORMS[norm].steepest(model.weight[None])
    side = torch.where(torch.rand(n, 1, generator=g) < 0.5, -1.0, 1.0)
    score = (x @ model.weight + model.bias)[:, None]
    dual = NORMS[norm].dual(model.weight[None])[:, None]
    wanted = share * dual * (0.5 + torch.rand(n, 1, generator=g))
    return x + away * (side * wanted - score) / dual


def exact_radius(model: Affine, x: Tensor, norm: str) -> Tensor:
    """Return the distance to the boundary without the box, (n,)."""
    score = (x.flatten(1) @ model.weight + model.bias).abs()
    return score / NORMS[norm].dual(model.weight[None])


def boxed_radius(model: Affine, x: Tensor, y: Tensor, norm: str) -> Tensor:
    """Return the distance to the boundary within the box, by bisection over linear optima."""
    down = torch.where(y[:, None] == 1, -model.weight, model.weight).double()
    wide = Affine(model.weight.double(), model.bias.double())
    low = torch.zeros(len(x)).double()
    high = torch.full_like(low, 1.0 if norm == "Linf" else float(x[0].numel()))
    for _ in range(60):
        middle = (low + high) / 2
        reached = margins(wide(furthest(norm, down, x.double(), middle)), y) > 0
        high, low = torch.where(reached, middle, high), torch.where(reached, low, middle)
    return high.float()


def exact_count(model: Affine, x: Tensor, y: Tensor) -> Tensor:
    """Return the exact L0 distance to the boundary within the box, (n,)."""
    down = torch.where(y[:, None] == 1, -model.weight, model.weight).double()
    room = torch.where(down > 0, 1 - x.double(), x.double())
    gained = (down.abs() * room).sort(1, descending=True).values.cumsum(1)
    score = (x.double() @ model.weight.double() + model.bias.double()).abs()
    return (gained <= score[:, None]).sum(1) + 1


def cnn(classes: int = 4, channels: int = 1, shape: tuple[int, int] = (9, 7)) -> nn.Module:
    """Return a small frozen random CNN, piecewise linear."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        net = nn.Sequential(
            nn.Conv2d(channels, 6, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(6, 6, 3, padding=1),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(6 * shape[0] * shape[1], classes),
        )
        for p in net.parameters():
            p.data.mul_(1.5)
    return net.eval().requires_grad_(False)


def tanh_net() -> nn.Module:
    """Return a random net of 20 features and 4 classes with curved boundaries."""
    torch.manual_seed(3)
    return nn.Sequential(nn.Linear(20, 16), nn.Tanh(), nn.Linear(16, 4)).requires_grad_(False)


def distances(model: nn.Module, x: Tensor, y: Tensor, x_adv: Tensor, norm: str) -> Tensor:
    """Return the size of the perturbation if it fools, else infinity, (n,)."""
    fooled = margins(model(x_adv), y) > 0
    return torch.where(fooled, NORMS[norm].size(x_adv - x), torch.inf)


class Sure(nn.Module):
    """Add so much to the first logit that class 0 is always predicted, with gradients unchanged."""

    def forward(self, logits: Tensor) -> Tensor:
        return logits + 50.0 * (torch.arange(logits.shape[1]) == 0)


def images(n: int = 10, channels: int = 1) -> Tensor:
    """Return random images for the nets of `cnn`."""
    x = torch.rand(n, channels, 9, 7, generator=torch.Generator().manual_seed(0))
    return x.where(x < 0.8, 1.0).where(x > 0.2, 0.0)  # many pixels at the limits of the box


def lucky(
    model: Model,
    x: Tensor,
    y: Tensor,
    *,
    eps: float | Tensor | None = None,
    norm: Literal["L2", "Linf"] = "L2",
    targets: Tensor | None = None,
    seed: int = 0,
    ids: Sequence[str] | None = None,
    draws: int = 3,
) -> Tensor:
    """Return the nearest of some random points that fools.

    Knows: decisions
    Cost: draws forward, 0 backward
    """
    stream, found = keys(seed, ids, x, "lucky"), x.clone()
    limit = torch.inf if eps is None else eps
    nearest = torch.as_tensor(limit).expand(len(x)).clone()
    for i in range(draws):
        d = normal(stream, x.shape[1:], i).to(x.dtype)
        tried = (x + (0.1 + 0.2 * i) * d).clamp(0, 1)
        output = model(tried)
        labels = output.argmax(1) if output.ndim > 1 else output
        size = NORMS[norm].size(tried - x)
        hit = (labels == targets if targets is not None else labels != y) & (size <= nearest)
        found[hit], nearest[hit] = tried[hit], size[hit]
    return found
