"""Bounds methods in order: none certifies less than the one before; branch and bound is exact."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from torch import nn

from advkit.bounds.ladder import certify
from advkit.bounds.proof_methods import RUNGS
from advkit.bounds.regions import Region, ball_and_box, rows_of
from advkit.bounds.tracing import Graph, trace
from advkit.errors import UsageError
from advkit.models.classifier import Classifier
from tests.bounds.mixed_integer import least_difference
from tests.bounds.nets import SHAPE, images, net_of

EPS = 0.12


def tiny(seed: int) -> tuple[nn.Sequential, Graph, Region, torch.Tensor]:
    torch.manual_seed(seed)
    net = nn.Sequential(nn.Flatten(), nn.Linear(12, 10), nn.ReLU(), nn.Linear(10, 8), nn.ReLU(),
                        nn.Linear(8, 3))  # fmt: skip
    for parameter in net.parameters():
        parameter.data *= 1.6
    model, x = Classifier(net.eval(), name="tiny"), images(8, seed, (1, 3, 4))
    region = ball_and_box(x, torch.full((8,), EPS), "Linf")
    return net, trace(model, (1, 3, 4)), region, model(x).argmax(1)


def exact(net: nn.Sequential, region: Region, y: torch.Tensor, at: int) -> float:
    low, high = (wall[at].flatten().double().numpy() for wall in (region.low, region.high))
    rows = [np.eye(3)[y[at]] - np.eye(3)[j] for j in range(3) if j != y[at]]
    return min(least_difference(net, low, high, row) for row in rows)


def test_branch_and_bound_certifies_exactly_what_is_safe() -> None:
    net, graph, region, y = tiny(1)
    proved = {name: certify(graph, region, y, method=name, seconds=10).lower > 0 for name in RUNGS}
    truth = torch.tensor([exact(net, region, y, at) for at in range(len(y))])
    assert 0 < (truth > 0).sum() < len(y)
    assert proved["split"].equal(truth > 0)
    for less, more in pairwise(RUNGS):
        assert (proved[more] | ~proved[less]).all()
    assert proved["split"].sum() > proved["crown"].sum()


@pytest.mark.parametrize("inner", [nn.Tanh(), nn.Identity()])
def test_without_a_neuron_to_split_the_bound_of_the_whole_stays(inner: nn.Module) -> None:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Flatten(), nn.Linear(12, 10), inner, nn.Linear(10, 3))
    graph, x = trace(Classifier(net.eval(), name="smooth"), (1, 3, 4)), images(4, 0, (1, 3, 4))
    region = ball_and_box(x, torch.full((4,), 0.5), "Linf")
    lower = {name: certify(graph, region, net(x).argmax(1), method=name).lower for name in RUNGS}
    assert (lower["crown"] < 0).any()
    assert torch.equal(lower["split"], lower["crown"])


def test_a_bound_is_never_above_the_truth() -> None:
    net, graph, region, y = tiny(2)
    for name in RUNGS[:3]:
        lower = certify(graph, region, y, method=name).lower
        for at in range(len(y)):
            assert lower[at] <= exact(net, region, y, at) + 1e-6


@pytest.mark.parametrize("method", ["crown", "alpha"])
@pytest.mark.parametrize("name", ["convolutions", "branches"])
def test_no_bound_depends_on_its_neighbours(name: str, method: str) -> None:
    model, x = net_of(name, 1), images(7, 1)
    graph, y = trace(model, SHAPE), model(x).argmax(1)
    region = ball_and_box(x, torch.full((7,), 0.02), "Linf")
    together = certify(graph, region, y, method=method).lower
    alone = [
        certify(graph, rows_of(region, torch.tensor([i])), y[i : i + 1], method=method).lower
        for i in range(7)
    ]
    assert together.equal(torch.cat(alone))


def test_a_target_alone_is_easier_to_prove_than_all_classes() -> None:
    _, graph, region, y = tiny(3)
    every = certify(graph, region, y, method="crown").lower
    each = torch.stack(
        [
            certify(
                graph, region, y, method="crown", targets=torch.where(y == j, (j + 1) % 3, j)
            ).lower
            for j in range(3)
        ]
    )
    assert torch.allclose(each.amin(0), every, atol=1e-5)


def test_an_unknown_method_is_a_usage_error() -> None:
    _, graph, region, y = tiny(0)
    with pytest.raises(UsageError, match="crow"):
        certify(graph, region, y, method="crow")
