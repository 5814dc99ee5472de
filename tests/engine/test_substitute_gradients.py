"""Models with a substitute gradient: bit-identical outputs, and the specified gradient."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from advkit.engine import (
    backwards_turned,
    before_softmax,
    detours,
    evaluate,
    rescaled,
    smoothed,
    straight_through,
)
from advkit.engine.objectives import Model, margin
from advkit.engine.seeding import keys, normal
from advkit.models.classifier import Classifier

torch.manual_seed(0)
WEIGHT = torch.randn(3, 12)
LINEAR = nn.Linear(12, 3, bias=False)
LINEAR.weight = nn.Parameter(WEIGHT.clone(), requires_grad=False)
X = torch.rand(4, 12)
Y = torch.zeros(4, dtype=torch.long)


class Changed(nn.Module):
    def __init__(self, change: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.change, self.last = change, LINEAR

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.change(x))


def outside(x: Tensor) -> Tensor:
    return torch.from_numpy(np.round(x.detach().numpy() * 9).astype(np.float32) / 9)


@torch.no_grad()
def without(x: Tensor) -> Tensor:
    return x * 1.0


@torch.inference_mode()
def in_inference(x: Tensor) -> Tensor:
    return x * 1.0


def slopes(model: Model, x: Tensor = X) -> Tensor:
    return evaluate(margin(model, Y[:1].expand(len(x))), x).gradient


HIDDEN: dict[str, tuple[Callable[[Tensor], Tensor], str]] = {
    "round": (lambda x: (x * 9).round() / 9, "round"),
    "torch.round": (lambda x: torch.round(x * 9) / 9, "round"),
    "floor": (lambda x: torch.floor(x * 9) / 9, "floor"),
    "ceil": (lambda x: torch.ceil(x * 9) / 9, "ceil"),
    "floor division": (lambda x: (x * 9) // 1 / 9, "floordiv"),
    "detach": (lambda x: x.detach() * 1.0, "detach"),
    "data": (lambda x: x.data * 1.0, "data"),
    "bytes": (lambda x: (x * 255).to(torch.uint8).float() / 255, "to"),
    "long": (lambda x: (x * 255).long() / 255, "long"),
    "numpy": (outside, "detour outside torch"),
    "no_grad": (without, "no_grad"),
    "inference_mode": (in_inference, "inference_mode"),
    "numpy, of another shape": (lambda x: outside(x.view(4, 3, 4)).flatten(1), "outside torch"),
}


@pytest.mark.parametrize("name", HIDDEN)
def test_what_has_no_gradient_is_passed_by_as_if_it_were_not_there(name: str) -> None:
    change, found = HIDDEN[name]
    model = Changed(change)
    led = straight_through(model)
    x = X.clone().requires_grad_(True)
    assert torch.equal(led(x), model(X))
    assert torch.equal(led(X), model(X))
    assert torch.allclose(slopes(led), slopes(LINEAR), atol=1e-6)
    assert any(found in each for each in detours(model, X)), detours(model, X)


@pytest.mark.parametrize(
    "step", [lambda x: (x > 0.5).float(), lambda x: x.ge(0.5).to(x.dtype), lambda x: x * (x > 0.5),
             lambda x: 1 - (x < 0.5).float(), lambda x: torch.where(x > 0.5, 1.0, 0.0),
             lambda x: (x - 0.5).sign()])  # fmt: skip
def test_a_threshold_has_the_slope_of_a_smooth_step(step: Callable[[Tensor], Tensor]) -> None:
    model = Changed(step)
    assert torch.equal(straight_through(model)(X.clone().requires_grad_(True)), model(X))
    found, true = slopes(straight_through(model)), slopes(LINEAR)
    assert detours(model, X)
    assert (found.sign() == true.sign())[found != 0].all()
    assert (found != 0).float().mean() > 0.9


def test_inference_mode_is_back_afterwards_and_was_never_left_elsewhere() -> None:
    entered = torch.inference_mode.__enter__

    def elsewhere(x: Tensor) -> Tensor:
        with ThreadPoolExecutor(1) as other:
            assert other.submit(in_inference, X).result().is_inference()
        return in_inference(x)

    assert (slopes(straight_through(Changed(elsewhere))) != 0).any()
    assert torch.inference_mode.__enter__ is entered
    assert in_inference(X).is_inference()
    assert (slopes(Changed(in_inference)) == 0).all()


class Within(nn.Module):
    """Leaves torch between two modules, for what neither of them takes in."""

    def __init__(self, leave: bool) -> None:
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(0)
            self.first = nn.Sequential(nn.Linear(12, 12), nn.Tanh())
            self.second = nn.Sequential(nn.Linear(12, 12), nn.Tanh())
            self.last = nn.Linear(6, 3)
        self.leave = leave

    def forward(self, x: Tensor) -> Tensor:
        hidden = self._out(self.second(self._out(self.first(x))))
        return self.last(self._out(hidden.view(-1, 6, 2).amax(2)))

    def _out(self, x: Tensor) -> Tensor:
        return torch.from_numpy(x.detach().numpy()) if self.leave else x


def test_the_gradient_is_led_on_to_what_left_torch_in_the_middle_of_a_net() -> None:
    torch.testing.assert_close(slopes(straight_through(Within(True))), slopes(Within(False)))
    assert (slopes(Within(True)) == 0).all()


def test_votes_have_the_slope_of_the_shares_of_their_voters() -> None:
    def vote(x: Tensor) -> Tensor:
        return F.one_hot(LINEAR(x).argmax(1), 3).float()

    found = slopes(straight_through(vote)).flatten(1)
    assert torch.equal(straight_through(vote)(X.clone().requires_grad_(True)), vote(X))
    assert torch.nn.functional.cosine_similarity(found, slopes(LINEAR)).min() > 0.5
    assert "one_hot" in detours(vote, X)


def test_a_single_number_of_a_whole_batch_may_be_compared() -> None:
    def checked(x: Tensor) -> Tensor:
        return LINEAR(x / 255 if x.amax() > 1 else x)

    assert detours(checked, X) == []
    assert torch.equal(slopes(straight_through(checked)), slopes(LINEAR))


def test_an_honest_model_is_left_as_it_is() -> None:
    net = nn.Sequential(nn.Linear(12, 8), nn.ReLU(), nn.Linear(8, 3))
    assert detours(net, X) == []
    assert torch.equal(slopes(straight_through(net)), slopes(net))


def test_a_mode_leaves_nothing_behind() -> None:
    model = Changed(lambda x: x.round())
    straight_through(model)(X.clone().requires_grad_(True))
    assert torch.is_grad_enabled()
    assert not model.last._forward_pre_hooks
    assert (slopes(model) == 0).all()


def test_the_logits_before_a_softmax_are_found_and_attention_is_left_alone() -> None:
    for last in (
        nn.Softmax(1),
        nn.LogSoftmax(1),
        lambda z: F.softmax(z, 1),
        lambda z: z.softmax(1),
    ):
        hidden = before_softmax(lambda x, last=last: last(1e3 * LINEAR(x)))
        assert torch.equal(hidden(X), 1e3 * LINEAR(X))
    rows = torch.rand(2, 3, 4)
    assert torch.equal(before_softmax(lambda x: x.softmax(2))(rows), rows.softmax(2))


def test_backwards_rescaled_and_smoothed() -> None:
    assert torch.equal(slopes(backwards_turned(LINEAR)), -slopes(LINEAR))
    assert torch.allclose(slopes(rescaled(LINEAR, 0.1)), 0.1 * slopes(LINEAR))
    ramp = nn.Sequential(nn.Linear(12, 3), nn.Hardtanh(-0.1, 0.1))
    model = smoothed(ramp, 0.5, draws=64)
    x = X.clone().requires_grad_(True)
    assert torch.equal(model(x), ramp(X))
    assert torch.equal(slopes(model), slopes(model))
    assert (slopes(model).flatten(1).norm(dim=1) > 0).all()
    assert torch.allclose(slopes(smoothed(LINEAR, 0.5)), slopes(LINEAR), atol=1e-5)


def test_a_smoothed_gradient_is_the_mean_over_points_and_does_not_depend_on_the_batch() -> None:
    ramp = nn.Sequential(nn.Linear(12, 2), nn.Hardtanh(-0.3, 0.3))
    net, x = Classifier(ramp, name="ramp"), torch.rand(70, 12)  # more than a pass takes
    around = normal(keys(0, None, x[:1], "smoothed"), (8, 12))[0].to(x)
    one_by_one = torch.stack([slopes(net, x + 0.5 * step) for step in around]).mean(0)
    whole = slopes(smoothed(net, 0.5), x)
    assert torch.allclose(whole, one_by_one, atol=1e-6)
    for part in (slice(0, 1), slice(3, 20)):
        assert torch.equal(slopes(smoothed(net, 0.5), x[part]), whole[part])


def test_what_an_attribute_returns_keeps_its_way_back() -> None:
    def turned(x: Tensor) -> Tensor:
        return torch.from_numpy(x.detach().numpy().copy()).T.T

    assert torch.equal(slopes(straight_through(Changed(turned))), slopes(LINEAR))
