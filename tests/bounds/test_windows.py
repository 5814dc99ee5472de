"""Bounds of a neuron from its receptive field equal those on the whole map."""

import pytest
import torch
from torch import Tensor, nn

from advkit.bounds import convolutions
from advkit.bounds.intervals import bounds_of
from advkit.bounds.linear_relaxation import lower
from advkit.bounds.memory import widest
from advkit.bounds.patches import Rows, neurons, whole
from advkit.bounds.regions import Region, ball_and_box
from advkit.bounds.tracing import Graph, trace
from advkit.models.classifier import Classifier

SHAPE, EPS = (2, 21, 18), {"Linf": 0.02, "L2": 0.2, "L1": 0.5}


class Block(nn.Module):
    """A residual sum of a wide window and a narrow one."""

    def __init__(self) -> None:
        super().__init__()
        self.wide, self.narrow = nn.Conv2d(4, 4, 3, 1, 1), nn.Conv2d(4, 4, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.narrow(x) + self.wide(x).relu() + x


BODIES = {
    "two in a row": lambda: [nn.Conv2d(2, 4, 3, 1, 1), nn.Conv2d(4, 4, 3, 1, 2), nn.BatchNorm2d(4),
                             nn.ReLU(), nn.Conv2d(4, 4, 3, 2, 1)],
    "strides and groups": lambda: [nn.Conv2d(2, 4, 4, 2, 1), nn.Tanh(),
                                   nn.Conv2d(4, 6, 3, 1, 1, groups=2), nn.LeakyReLU(0.1),
                                   nn.Conv2d(6, 4, 3, 1, 2, dilation=2)],
    "max pooling": lambda: [nn.Conv2d(2, 4, 3, 1, 1), nn.MaxPool2d(2), nn.Conv2d(4, 4, 3, 1, 1),
                            nn.ReLU(), nn.MaxPool2d(3, 2, 1)],
    "a shortcut": lambda: [nn.Conv2d(2, 4, 3, 1, 1), Block(), nn.ReLU(), Block()],
}  # fmt: skip


def graph_of(body: str) -> Graph:
    torch.manual_seed(1)
    layers = BODIES[body]()
    for layer in layers:
        if isinstance(layer, nn.BatchNorm2d):
            layer.running_mean.uniform_(-0.5, 0.5)
    net = nn.Sequential(*layers, nn.ReLU(), nn.Flatten(), nn.LazyLinear(3))
    net(torch.zeros(1, *SHAPE))
    return trace(Classifier(net.eval(), name=body, mean=[0.4, 0.5], std=[0.3, 0.4]), SHAPE)


def region_of(norm: str) -> Region:
    x = torch.rand(3, *SHAPE, generator=torch.Generator().manual_seed(2))
    return ball_and_box(x, torch.full((3,), EPS[norm]), norm)


@pytest.mark.parametrize("small", [0, convolutions.SMALL])
@pytest.mark.parametrize("norm", EPS)
@pytest.mark.parametrize("body", BODIES)
def test_a_window_bounds_as_the_whole_map_does(
    body: str, norm: str, small: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(convolutions, "SMALL", small)
    graph, region, compared = graph_of(body), region_of(norm), 0
    lines = bounds_of(graph, region, tight=False).lines
    for place, step in enumerate(graph[2:-1], 2):
        if len(step.shape) != 3:
            continue
        count = torch.Size(step.shape).numel()
        spots = torch.arange(0, count, -(-count // 60))
        start = neurons(spots, torch.where(spots % 2 == 0, 1.0, -1.0), step.shape)
        by_window, by_map = (
            lower(graph, place, rows, spots % 3, lines, region)
            for rows in (start, Rows(whole(start, step.shape)))
        )
        torch.testing.assert_close(by_window, by_map, rtol=2e-5, atol=2e-5)
        compared += len(spots)
    assert compared > 200


@pytest.mark.parametrize("body", BODIES)
def test_no_row_is_wider_than_told(body: str) -> None:
    graph, seen = graph_of(body), [0]
    place = max(i for i, step in enumerate(graph) if len(step.shape) == 3)
    corner = neurons(torch.tensor([0, 5]), torch.ones(2), graph[place].shape)

    def look(_place: int, a: Tensor) -> None:
        seen[0] = max(seen[0], a[0].numel())

    region = region_of("Linf")
    lines = bounds_of(graph, region, tight=False).lines
    lower(graph, place, corner, torch.zeros(2, dtype=torch.long), lines, region, look=look)
    largest = max(torch.Size(step.shape).numel() for step in graph)
    assert 0 < seen[0] <= widest(graph, place) <= largest
    assert widest(graph, 3) < largest / 2
    assert widest(graph, len(graph) - 1) == largest
