"""Soundness: no point violates a bound, and no bound exceeds the exact minimum."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from advkit.bounds import curves, intervals, linear_relaxation
from advkit.bounds.affine import Affine
from advkit.bounds.curves import rectifier, sigmoid, tanh
from advkit.bounds.intervals import bounds_of
from advkit.bounds.margins import margins_of, rivals, tightened
from advkit.bounds.regions import ball_and_box
from advkit.bounds.slopes import Proof
from advkit.bounds.tracing import Graph, trace
from advkit.engine.projections import furthest
from advkit.models.classifier import Classifier
from tests.bounds.mixed_integer import least_difference
from tests.bounds.nets import NETS, RADII, SHAPE, images, net_of, points_of, region_of


def values(graph: Graph, x: torch.Tensor) -> list[torch.Tensor]:
    """Return the value of every step at ``x``, by what the steps say of themselves."""
    found = [x]
    for step in graph[1:]:
        inputs = [found[i] for i in step.inputs]
        rule = step.rule
        found.append(rule.function(*inputs) if hasattr(rule, "function") else rule.apply(*inputs))
    return found


@pytest.mark.parametrize("norm", RADII)
@pytest.mark.parametrize("name", NETS)
def test_every_point_of_the_set_is_within_every_wall(name: str, norm: str) -> None:
    for seed in range(2):
        model, x = net_of(name, seed), images(4, seed)
        graph = trace(model, SHAPE)
        wide = bounds_of(graph, region_of(x, norm), tight=False).walls
        tight = bounds_of(graph, region_of(x, norm)).walls
        tried = points_of(x, norm, 60, model)
        for one in tried:
            for place, value in enumerate(values(graph, one)):
                for walls in (wide[place], tight[place]):
                    assert (value >= walls.low).all()
                    assert (value <= walls.high).all()
        last = len(graph) - 1
        assert (tight[last].low >= wide[last].low).all()
        reached = torch.stack([model(one) for one in tried]).amin(0)
        assert (reached - tight[last].low).mean() < 40  # walls at infinity would be sound too


@pytest.mark.parametrize("norm", RADII)
@pytest.mark.parametrize("name", NETS)
def test_margins_lie_below_those_of_every_point(name: str, norm: str) -> None:
    model, x = net_of(name, 5), images(4, 5)
    graph, y = trace(model, SHAPE), model(x).argmax(1)
    proof = Proof(graph, bounds_of(graph, region_of(x, norm)), region_of(x, norm))
    against = rivals(y, 3)
    crown, free = margins_of(proof, y, against), tightened(proof, y, against, 10)
    assert (free >= crown - 1e-6).all()
    at_x = model(x)[against.who, y[against.who]] - model(x)[against.who, against.other]
    assert (free < at_x).all()
    assert (at_x - free).mean() < 20
    for one in points_of(x, norm, 300, model, seed=1):
        logits = model(one)[against.who]
        each = torch.arange(len(logits))
        difference = logits[each, y[against.who]] - logits[each, against.other]
        assert (difference >= free).all()
        assert (difference >= crown).all()


def test_bounds_lie_below_the_exact_least_difference_and_near_it() -> None:
    gaps = []
    for seed in range(4):
        torch.manual_seed(seed)
        net = nn.Sequential(nn.Flatten(), nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 6), nn.ReLU(),
                            nn.Linear(6, 3))  # fmt: skip
        model = Classifier(net.eval(), name="tiny")
        x = images(2, seed, (1, 2, 3))
        y = model(x).argmax(1)
        region = ball_and_box(x, torch.full((2,), 0.3), "Linf")
        graph = trace(model, (1, 2, 3))
        proof = Proof(graph, bounds_of(graph, region), region)
        against = rivals(y, 3)
        bound = tightened(proof, y, against, 30)
        for who, other, low in zip(against.who, against.other, bound, strict=True):
            row = np.zeros(3)
            row[y[who]], row[other] = 1, -1
            box = (region.low[who].flatten().double().numpy(),
                   region.high[who].flatten().double().numpy())  # fmt: skip
            exact = least_difference(net, *box, row)
            assert low <= exact + 1e-6
            gaps.append(exact - float(low))
    assert np.mean(gaps) < 0.05


@given(st.floats(-12, 12), st.floats(0, 15), st.sampled_from([sigmoid, tanh, rectifier]))
@settings(max_examples=200, deadline=None)
def test_lines_enclose_their_curve(low: float, width: float, kind) -> None:
    curve = kind()
    walls = torch.tensor([low]), torch.tensor([low]) + torch.tensor([width])
    lines = curve.lines(*walls)
    x = torch.lerp(*walls, torch.linspace(0, 1, 400))
    exact = curve.function(x.double())
    below = lines.low_slope.double() * x + lines.low_shift
    above = lines.up_slope.double() * x + lines.up_shift
    tolerance = 1e-6 * abs(x.double()) + 1e-30 if curve.bend is not None else 0
    assert (below <= exact + tolerance).all()
    assert (exact <= above + tolerance).all()
    assert (above - below).max() <= 1.2 * (1 + width)


@pytest.mark.parametrize("name", NETS)
def test_rounding_is_covered_by_the_margin(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is proved in float32 lies below what exact arithmetic gives."""

    def bound(dtype: torch.dtype) -> torch.Tensor:
        model, x = net_of(name, 7).to(dtype), images(8, 7).to(dtype)
        graph, y = trace(model, SHAPE), model(x).argmax(1)
        region = ball_and_box(x, torch.full((8,), 0.02, dtype=dtype), "Linf")
        proof = Proof(graph, bounds_of(graph, region), region)
        return margins_of(proof, y, rivals(y, 3)).double()

    single = bound(torch.float32)
    for module in (curves, intervals, linear_relaxation):
        monkeypatch.setattr(module, "ROUNDING", 0.0)
    exact, noisy = bound(torch.float64), bound(torch.float32)
    assert ((exact - single) > 8 * (noisy - exact).abs()).all()
    assert (exact - single).max() < 1e-3 * exact.abs().max()


def test_an_affine_net_is_bounded_exactly() -> None:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Flatten(), nn.Linear(144, 3))
    model, x = Classifier(net, name="affine"), images(5, 3)
    graph, y = trace(model, SHAPE), model(x).argmax(1)
    for norm, eps in (("Linf", 0.05), ("L2", 0.4), ("L1", 1.5)):
        region = ball_and_box(x, torch.full((5,), eps), norm)
        proof = Proof(graph, bounds_of(graph, region), region)
        against = rivals(y, 3)
        bound = margins_of(proof, y, against)
        w = net[1].weight[y[against.who]] - net[1].weight[against.other]
        b = net[1].bias[y[against.who]] - net[1].bias[against.other]
        at = furthest(norm, -w.reshape(-1, *SHAPE), x[against.who], torch.full((len(w),), eps))
        assert torch.allclose(bound, (at.flatten(1) * w).sum(1) + b, atol=1e-3)
        assert isinstance(graph[1].rule, Affine)
