"""Backward rules of the rectifier against hand-made nets (insight, rows 3.1 to 3.7 and 3.27)."""

import gc

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from advkit.engine.gradient import Objective, evaluate
from advkit.engine.objectives import class_score
from advkit.engine.relu import ruled
from advkit.errors import InapplicableError
from advkit.insight import attribution
from tests.insight.nets import POINT, ByHand, Skip, noise, relatives, seeded, spellings

KNOWN = {"gradient": (3.0, -1.0), "deconvnet": (11.0, -6.0), "guided_backprop": (3.0, 0.0)}
ALL = spellings() | relatives()


@pytest.mark.parametrize("spelling", ALL)
@pytest.mark.parametrize("method", KNOWN)
def test_the_hand_net_in_every_spelling(spelling: str, method: str) -> None:
    net = ByHand(*ALL[spelling])
    assert attribution(net, POINT, 0, method=method).tolist() == [list(KNOWN[method])]


@pytest.mark.parametrize("spelling", ALL)
@pytest.mark.parametrize("rule", ["deconvnet", "guided_backprop"])
def test_the_forward_pass_is_the_same_to_the_bit(spelling: str, rule: str) -> None:
    x = noise(64, 2) * 6 - 3
    plain = class_score(ByHand(*ALL[spelling]), torch.zeros(64, dtype=torch.int64))
    assert torch.equal(evaluate(ruled(plain, rule), x).value, evaluate(plain, x).value)


@pytest.mark.parametrize(
    ("a", "b", "x", "known"),
    [
        ((-1, 3), (-2, 5), (1, -1), {"gradient": (-3, 5), "deconvnet": (-2, 8), "guided": (-2, 5)}),
        ((1, -3), (-2, 5), (1, -1), {"gradient": (-1, 5), "deconvnet": (-1, 5), "guided": (-1, 5)}),
    ],
)
def test_a_way_round_the_rectifier_is_left_alone(
    a: tuple[float, float], b: tuple[float, float], x: tuple[float, float], known: dict
) -> None:
    for method, values in known.items():
        name = "guided_backprop" if method == "guided" else method
        found = attribution(Skip(a, b), torch.tensor([x], dtype=torch.float32), 0, method=name)
        assert found.tolist() == [list(values)], method


def test_in_place_through_another_name() -> None:
    """Code that relies on the alias: an out-of-place stand-in would give -2."""

    def value(x: Tensor) -> tuple[Tensor, Tensor]:
        h = x * 1
        same = h
        F.relu_(h)
        total = (torch.tensor([1.0, 3.0]) * h + same).sum(1)
        return total, total

    point = evaluate(ruled(Objective(value), "guided_backprop"), torch.tensor([[1.0, -1.0]]))
    assert point.value.tolist() == [2.0]
    assert point.gradient.tolist() == [[2.0, 0.0]]


def test_positive_weights_leave_guided_the_gradient_and_deconvnet_above_it() -> None:
    def positive() -> nn.Module:
        net = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 5), nn.ReLU(), nn.Linear(5, 1))
        for layer in net[::2]:
            layer.weight.data.abs_()
        return net

    net, x = seeded(positive), noise(20, 6) * 4 - 2
    plain, guided, deconv = (attribution(net, x, 0, method=m) for m in
                             ("gradient", "guided_backprop", "deconvnet"))  # fmt: skip
    assert torch.equal(guided, plain)
    assert (plain == 0).any()
    assert (deconv >= plain).all()
    assert not torch.equal(deconv, plain)


@pytest.mark.parametrize("high", [6.0, 2.0])
def test_a_cut_above_stops_guided_but_not_deconvnet(high: float) -> None:
    net = nn.Sequential(nn.Hardtanh(0, high), nn.Linear(3, 1, bias=False))
    net[1].weight.data = torch.tensor([[1.0, 2.0, -1.0]])
    x = torch.tensor([[high + 1, high / 2, high / 2]])
    assert attribution(net, x, 0, method="guided_backprop").tolist() == [[0, 2, 0]]
    assert attribution(net, x, 0, method="deconvnet").tolist() == [[1, 2, 0]]


@pytest.mark.parametrize(
    ("activation", "what"),
    [
        (nn.SiLU(), "SiLU"),
        (nn.GELU(), "GELU"),
        (nn.ELU(), "ELU"),
        (nn.Hardswish(), "hard swish"),
        (nn.LeakyReLU(), "leaky ReLU"),
        (nn.PReLU(), "PReLU"),
        (nn.Hardtanh(), "hardtanh"),
        (nn.Threshold(1, 0), "threshold"),
        (nn.Softplus(), "softplus"),
        (nn.Tanh(), "not one ReLU"),
        (nn.Identity(), "not one ReLU"),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_what_has_no_rule_is_refused_not_passed_over(activation: nn.Module, what: str) -> None:
    net = nn.Sequential(nn.Linear(2, 4), activation, nn.Linear(4, 3))
    for method in ("deconvnet", "guided_backprop"):
        with pytest.raises(InapplicableError, match=what):
            attribution(net, POINT, 0, method=method)
    assert attribution(net, POINT, 0, method="gradient").shape == (1, 2)


@pytest.mark.filterwarnings("ignore")  # TorchScript says that it is out of date
def test_a_rectifier_in_compiled_code_is_refused() -> None:
    net = nn.Sequential(nn.ReLU(), torch.jit.script(nn.Sequential(nn.ReLU())), nn.Linear(2, 3))
    for _ in range(3):  # TorchScript compiles at the second call
        with pytest.raises(InapplicableError, match=r"not called through torch|compiled"):
            attribution(net, POINT, 0, method="guided_backprop")


def test_a_neuron_before_the_first_rectifier_is_refused() -> None:
    net = nn.Sequential(nn.Linear(2, 4), nn.ReLU(), nn.Linear(4, 3))
    assert torch.equal(attribution(net, POINT, "0[2]"), net[0].weight[2:3])
    with pytest.raises(InapplicableError, match="not one ReLU"):
        attribution(net, POINT, "0[2]", method="guided_backprop")
    assert attribution(net, POINT, "2[1]", method="guided_backprop").shape == (1, 2)


def test_guided_from_a_neuron_of_a_deeper_layer() -> None:
    """The lecture's use: the same as cutting the net off there."""
    net = seeded(lambda: nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.MaxPool2d(2),
                                       nn.Conv2d(4, 6, 3), nn.ReLU(inplace=True), nn.Flatten(),
                                       nn.Linear(54, 3)))  # fmt: skip
    x = noise(2, 1, 12, 12)

    def cut(x: Tensor) -> tuple[Tensor, Tensor]:
        value = net[:4](x)[:, 5, 1, 2]
        return value, value

    known = evaluate(ruled(Objective(cut), "guided_backprop"), x).gradient
    assert known.any()
    assert torch.equal(attribution(net, x, "3[5,1,2]", method="guided_backprop"), known)


def test_max_pooling_goes_back_through_its_switches() -> None:
    net = nn.Sequential(nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(1, 1, bias=False))
    net[3].weight.data.fill_(2.0)
    x = torch.tensor([[[[1.0, 3.0], [2.0, -1.0]]]])
    assert attribution(net, x, 0, method="deconvnet")[0, 0].tolist() == [[0, 2], [0, 0]]


class Raises(nn.Module):
    """A net that fails half way."""

    def __init__(self) -> None:
        super().__init__()
        self.layer, self.relu = nn.Linear(2, 2), nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        self.relu(self.layer(x))
        raise ZeroDivisionError


@pytest.mark.parametrize("method", ["gradient", "guided_backprop", "grad_cam", "rise"])
def test_nothing_is_left_behind_after_an_error(method: str) -> None:
    net = Raises().train()
    state = torch.get_rng_state()
    with pytest.raises(ZeroDivisionError):
        attribution(net, POINT, 0, method=method, layer="relu" if "cam" in method else "")
    check_clean(net, training=True)
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.overrides._get_current_function_mode() is None


def check_clean(net: nn.Module, *, training: bool) -> None:
    for module in net.modules():
        assert module.training is training
        assert not module._forward_hooks
        assert not module._forward_pre_hooks
        assert not module._backward_hooks
    for weight in net.parameters():
        assert weight.requires_grad
        assert weight.grad is None


@pytest.mark.parametrize("method", ["smooth_grad:draws=3", "guided_grad_cam", "score_cam"])
def test_nothing_is_left_behind_by_success(method: str) -> None:
    layers = nn.BatchNorm2d(3), nn.ReLU(), nn.Dropout(), nn.Flatten(), nn.Linear(108, 2)
    net = nn.Sequential(nn.Conv2d(1, 3, 3), *layers).train()
    x = noise(2, 1, 8, 8).requires_grad_(True)
    before = {name: value.clone() for name, value in net.state_dict().items()}
    first = attribution(net, x, 1, method=method, layer="0" if "cam" in method else "")
    check_clean(net, training=True)
    assert x.grad is None
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
    again = attribution(net, x, 1, method=method, layer="0" if "cam" in method else "")
    assert torch.equal(first, again)
    assert not first.requires_grad


def test_a_hundred_runs_leave_no_tensor_behind() -> None:
    net = nn.Sequential(nn.Conv2d(1, 3, 3), nn.ReLU(inplace=True), nn.Flatten(), nn.Linear(108, 2))
    x = noise(2, 1, 8, 8)

    def alive() -> int:
        gc.collect()
        return sum(issubclass(type(each), Tensor) for each in gc.get_objects())

    def run() -> None:
        for method in ("guided_backprop", "deconvnet", "grad_cam", "integrated_gradients:steps=2"):
            attribution(net, x, 1, method=method, layer="0" if "cam" in method else "")
        attribution(net, x, "0[1]", method="gradient")

    run()
    before = alive()
    for _ in range(100):
        run()
    assert alive() == before
