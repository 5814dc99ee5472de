"""Gradients that bypass a model's custom backward pass, and logits from inside it."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from advkit.benchmarks.lying_gradients import half, label_alone, own_softmax, turned_for_some, zero
from advkit.benchmarks.masked_gradients import After, Before
from advkit.engine import before_softmax, detours, evaluate, inner_logits, straight_through
from advkit.engine.objectives import Model, margin
from advkit.models.classifier import Classifier

torch.manual_seed(0)
NET = nn.Sequential(nn.Flatten(), nn.Linear(16, 8), nn.ReLU(), nn.Linear(8, 3))
NET.requires_grad_(False)
X = torch.rand(6, 1, 4, 4)
Y = torch.zeros(6, dtype=torch.long)


class Tripled(torch.autograd.Function):
    """Bring out another shape than what came in."""

    @staticmethod
    def forward(_ctx: Any, x: Tensor) -> Tensor:
        return x.repeat(1, 3, 1, 1)

    @staticmethod
    def backward(_ctx: Any, *slopes: Tensor) -> Tensor:
        return slopes[0].sum(1, keepdim=True)


def slopes(model: Model) -> Tensor:
    return evaluate(margin(model, Y), X).gradient


def hooked() -> nn.Module:
    net = nn.Sequential(NET)
    net.register_full_backward_hook(lambda _module, given, _told: (torch.zeros_like(given[0]),))
    return net


LIARS: dict[str, tuple[Callable[[], nn.Module], str]] = {
    "zero": (lambda: Before(NET, zero), "_Zero"),
    "half": (lambda: Before(NET, half), "_Half"),
    "of the logits": (lambda: After(NET, zero), "_Zero"),
    "a hook of a tensor": (lambda: Before(NET, turned_for_some), "register_hook"),
    "a hook of a module": (hooked, "BackwardHookFunction"),
}


@pytest.mark.parametrize("name", LIARS)
def test_a_backward_pass_of_its_own_is_gone_past(name: str) -> None:
    make, found = LIARS[name]
    model = Classifier(make(), name=name)
    assert not torch.allclose(slopes(model), slopes(NET))
    assert found in detours(model, X)
    assert torch.allclose(slopes(straight_through(model)), slopes(NET), atol=1e-6)
    assert torch.equal(straight_through(model)(X.clone().requires_grad_(True)), model(X))


def test_one_that_changes_the_shape_is_followed() -> None:
    wide = nn.Sequential(nn.Flatten(), nn.Linear(48, 3)).requires_grad_(False)
    shaped = Before(wide, Tripled.apply)
    assert detours(shaped, X) == []
    assert torch.equal(slopes(straight_through(shaped)), slopes(shaped))


@pytest.mark.parametrize("change", [label_alone, own_softmax, lambda z: z * 1e4,
                                    lambda z: F.softmax(z, 1)])  # fmt: skip
def test_the_logits_within_are_those_before_what_is_done_last(
    change: Callable[[Tensor], Tensor],
) -> None:
    model = Classifier(After(NET, change), name="changed")
    torch.testing.assert_close(inner_logits(model)(X), NET(X))
    assert torch.equal(inner_logits(model)(X[:1]), inner_logits(model)(X)[:1])
    torch.testing.assert_close(inner_logits(before_softmax(model))(X), NET(X))
    assert not any(module._forward_hooks for module in model.modules())


def test_a_net_that_ends_with_its_logits_is_left_as_it_is() -> None:
    assert torch.equal(inner_logits(NET)(X), NET(X))
    assert torch.equal(inner_logits(lambda x: x.flatten(1))(X), X.flatten(1))


def test_a_way_past_a_detour_is_found_behind_a_softmax_too() -> None:
    def outside(x: Tensor) -> Tensor:
        return torch.from_numpy(x.detach().numpy().copy())

    model = Classifier(After(Before(NET, outside), own_softmax), name="both")
    assert torch.allclose(slopes(straight_through(inner_logits(model))), slopes(NET), atol=1e-6)
