"""Images reconstructed from their codes: exact for linear layers, approximate for others."""

import pytest
import torch
from torch import Tensor, nn

from advkit.engine import Objective, evaluate
from advkit.engine.layer_outputs import code_distance, code_of, codes_of
from advkit.engine.quasi_newton import lbfgs
from advkit.errors import UsageError
from advkit.insight.canvas import canvas_of, stages
from advkit.insight.inversion import Priors, inverted, regularised
from tests.insight.nets import cnn, noise, seeded


def linear_code(matrix: Tensor) -> nn.Sequential:
    net = nn.Sequential(nn.Linear(matrix.shape[1], matrix.shape[0], bias=False)).double()
    net[0].weight.data = matrix.clone()
    return net


@pytest.mark.parametrize("power", [0.0, 0.3])
@pytest.mark.parametrize("shape", [(5, 5), (3, 5)])
def test_inversion_of_a_linear_layer(shape: tuple[int, int], power: float) -> None:
    """Exact for a square layer, the pseudo-inverse for a wide one; ridge with lambda |x|^2."""
    matrix = noise(*shape).double() + torch.eye(*shape, dtype=torch.float64)
    x0 = noise(1, 5, seed=2).double()
    net = linear_code(matrix)
    wanted = net(x0).detach()
    size = wanted.square().sum()
    distance = code_distance(code_of(net, net, "0"), wanted)
    objective = Objective(
        lambda x, w: (distance.function(x, w)[0] - power * x.square().sum(1) / size, x), (wanted,)
    )
    found = list(lbfgs(objective, torch.zeros(1, 5, dtype=torch.float64), 60))[-1].x[0]
    if power:
        ridge = matrix.T @ matrix + power * torch.eye(5, dtype=torch.float64)
        assert torch.allclose(found, torch.linalg.solve(ridge, matrix.T @ wanted[0]), atol=1e-7)
    else:
        assert torch.allclose(found, torch.linalg.pinv(matrix) @ wanted[0], atol=1e-7)


def test_its_own_code_costs_nothing() -> None:
    net = seeded(lambda: nn.Sequential(nn.Conv2d(1, 3, 3), nn.ReLU(), nn.MaxPool2d(2)))
    x = noise(1, 1, 8, 8)
    code = code_of(net, net, "2")
    point = evaluate(code_distance(code, code(x)), x)
    assert float(point.value) == 0
    assert (point.gradient == 0).all()


def test_a_pooled_layer_is_reached_though_its_image_is_not() -> None:
    net = seeded(lambda: nn.Sequential(nn.Conv2d(1, 6, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)))
    x = noise(1, 1, 8, 8)
    canvas = canvas_of(net, x)
    code = code_of(net, net, "2")
    priors = Priors(0, 0)
    made = {how: inverted(code, code(x), canvas, priors=priors, optimiser=how, steps=150)
            for how in ("adam", "lbfgs", "momentum")}  # fmt: skip
    assert made["adam"].code_error < 0.01
    assert made["lbfgs"].code_error < 0.03
    assert made["momentum"].values[-1] > made["momentum"].values[0] / 10
    assert (made["adam"].image - x[0]).abs().max() > 0.01  # what the pool forgot is not known


def test_priors_carry_over_to_any_size() -> None:
    """The weight of an image does not depend on how often it is repeated."""
    code = lambda x: x.mean((2, 3))  # noqa: E731
    wave = torch.tensor([0.2, 0.6]).repeat(8).view(1, 1, 1, 16).expand(1, 1, 16, 16)
    twice = wave.repeat(1, 1, 2, 2)
    values = [float(regularised(code, code(x), Priors(1, 1))(x)[0]) for x in (wave, twice)]
    assert values[0] == pytest.approx(values[1], rel=0.1)
    assert values[0] < -0.05


def test_codes_end_the_pass_where_they_are_known() -> None:
    net = cnn()
    look = codes_of(net, net, ["4", "1", "4"])
    maps = look(noise(1, 1, 20, 16))  # the head could not take this size
    assert [tuple(each.shape) for each in maps] == [(1, 12, 10, 8), (1, 6, 20, 16), (1, 12, 10, 8)]
    assert not any(module._forward_hooks for module in net.modules())
    with pytest.raises(UsageError, match="no layer"):
        codes_of(net, net, ["nine"])(noise(1, 1, 12, 12))


def test_stages_are_one_per_resolution() -> None:
    assert [call.name for call in stages(canvas_of(cnn(), noise(1, 1, 12, 12)))] == [
        "1", "4", "5", "8", "9"]  # fmt: skip


def test_lbfgs_only_rises_and_stays_within_its_passes() -> None:
    net = cnn().double()
    asked = 0

    def value(x: Tensor) -> tuple[Tensor, Tensor]:
        nonlocal asked
        asked += 1
        logits = net(x)
        return -(logits - wanted).square().sum(1), logits

    wanted = net(noise(1, 1, 12, 12, seed=1).double()).detach()
    points = list(lbfgs(Objective(value), noise(1, 1, 12, 12).double(), 100, passes=60))
    values = [float(point.value) for point in points]
    assert values == sorted(values)
    assert asked <= 60 + 25
    assert values[-1] > -1e-3
