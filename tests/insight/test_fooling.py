"""Meaningless images that fool: by gradient, by evolution, and their distance from the data."""

import pytest
import torch
from torch import Tensor, nn

from advkit.insight.fooling import ascended, evolved, manifold, start_of
from tests.insight.nets import cnn


@pytest.mark.parametrize("kind", ["noise", "zero"])
@pytest.mark.parametrize("regularised", [False, True])
def test_fooled_from_nothing(kind: str, regularised: bool) -> None:
    net = cnn()
    start = start_of(kind, (1, 12, 12), torch.zeros(1, 1, 1, 1), 0, "x")
    scaled = nn.Sequential(net, Times(100.0))
    made = ascended(scaled, start, 2, regularised=regularised)
    assert made.probability > 0.999
    assert float(scaled(made.image[None]).softmax(1)[0, 2]) == pytest.approx(made.probability)
    steps = [made.reached[key] for key in ("0.5", "0.9", "0.99", "0.999")]
    assert steps == sorted(steps)
    assert made.image.min() >= 0
    assert made.image.max() <= 1


class Times(nn.Module):
    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, x: Tensor) -> Tensor:
        return self.factor * x


def test_evolution_needs_no_gradient_and_never_falls() -> None:
    net = cnn()

    def ask(x: Tensor) -> Tensor:
        assert not torch.is_grad_enabled()
        return 30 * net(x)

    start = start_of("noise", (1, 12, 12), torch.zeros(1, 1, 1, 1), 0, "x")
    made = evolved(ask, start, 1, steps=25)
    assert made.values == sorted(made.values)
    assert made.values[-1] > 1.5 * made.values[0]
    assert made.values == evolved(ask, start, 1, steps=25).values


def test_distance_from_a_manifold() -> None:
    line = torch.stack([torch.arange(20.0), torch.zeros(20)], 1)
    known = manifold(line, neighbours=1)
    assert (known.own == 1).all()
    far, near = known.distance(torch.tensor([[3.0, 7.0], [3.2, 0.0]])).tolist()
    assert far == pytest.approx(7)
    assert near == pytest.approx(0.2)
    assert known.rarity(torch.tensor([[3.0, 7.0], [3.2, 0.0]])).tolist() == [0, 1]
