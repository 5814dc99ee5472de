"""Supported models are traced without change; others are rejected with the operator's name."""

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from advkit.bounds.tracing import trace
from advkit.errors import InputError
from advkit.models.classifier import Classifier
from tests.bounds.nets import NETS, SHAPE, images, net_of
from tests.bounds.test_soundness import values


@pytest.mark.parametrize("name", NETS)
def test_the_steps_give_the_logits_of_the_model(name: str) -> None:
    model, x = net_of(name, 3), images(5, 3)
    graph = trace(model, SHAPE)
    assert graph[0].rule is None
    assert torch.allclose(values(graph, x)[-1], model(x), atol=1e-5)


class Odd(nn.Module):
    def __init__(self, act) -> None:
        super().__init__()
        self.act = act
        self.last = nn.Linear(144, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.act(x).flatten(1))


class Gelu(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return F.gelu(x)


class Branch(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x if x.sum() > 0 else -x


class Loop(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return torch.stack([part * 2 for part in x])


class Numbers(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x * float(x.mean())


class Product(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x * x


class OverTheBatch(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x - x.mean([0, 2, 3], keepdim=True)


REFUSED = {
    "ELU": nn.ELU(),
    "a leaky ReLU of slope -1": nn.LeakyReLU(-1.0),
    "gelu": Gelu(),
    "LocalResponseNorm": nn.LocalResponseNorm(2),
    "mul": Product(),
    "mean": OverTheBatch(),
    r"its forward\(\) decides by .* \(if, while, assert\), test_tracing.py:\d+": Branch(),
    r"its forward\(\) counts, unpacks or loops .* of it, test_tracing.py:\d+": Loop(),
    r"its forward\(\) needs numbers .* \(TypeError\), test_tracing.py:\d+": Numbers(),
    "padding_mode": nn.Conv2d(2, 2, 3, padding=1, padding_mode="reflect"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_has_no_bound_is_refused_by_its_name(name: str) -> None:
    model = Classifier(Odd(REFUSED[name]).eval(), name="odd")
    with pytest.raises(InputError, match=name) as told:
        trace(model, SHAPE)
    assert "odd" in str(told.value)
    assert "ReLU" in told.value.hint


def test_a_hook_that_changes_the_net_is_noticed() -> None:
    model = net_of("dense", 0)
    model.net[1].register_forward_hook(lambda _m, _i, out: -out)
    with pytest.raises(InputError, match="other logits"):
        trace(model, SHAPE)


def test_weights_of_another_type_than_the_images_are_refused() -> None:
    model = Classifier(nn.Sequential(nn.Flatten(), nn.Linear(4, 3)).double(), name="wide")
    assert trace(model, (1, 2, 2))
    with pytest.raises(InputError, match="weights are float64, and bounds are computed in float32"):
        trace(model, (1, 2, 2), torch.float32)
