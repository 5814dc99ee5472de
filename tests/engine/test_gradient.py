import pytest
import torch
from torch import Tensor, nn

from advkit.engine import Objective, evaluate, metered
from advkit.engine.objectives import LOSSES, class_score, dlr, margin, margins, minus, weighted


def net(classes: int = 5) -> nn.Module:
    torch.manual_seed(0)
    layers = nn.Sequential(nn.Flatten(), nn.Linear(12, 16), nn.Tanh(), nn.Linear(16, classes))
    return layers.double()


X = torch.rand(4, 3, 2, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
Y = torch.tensor([0, 1, 2, 3])
T = torch.tensor([4, 3, 0, 1])


def differences(objective: Objective, x: Tensor, h: float = 1e-6) -> Tensor:
    slope = torch.zeros_like(x)
    flat, out = x.flatten(1), slope.flatten(1)
    for i in range(flat.shape[1]):
        step = torch.zeros_like(flat)
        step[:, i] = h
        up, _ = objective((flat + step).view_as(x))
        down, _ = objective((flat - step).view_as(x))
        out[:, i] = (up - down) / (2 * h)
    return slope


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("targets", [None, T], ids=["untargeted", "targeted"])
def test_gradient_is_that_of_finite_differences(name: str, targets: Tensor | None) -> None:
    objective = LOSSES[name](net(), Y, targets)
    found = evaluate(objective, X)
    torch.testing.assert_close(
        found.gradient, differences(objective, X).detach(), atol=1e-7, rtol=1e-6
    )


def test_arithmetic_of_objectives() -> None:
    model = net()
    both = weighted((2.0, class_score(model, Y)), (-0.5, minus(margin(model, Y))))
    point = evaluate(both, X)
    one, two = evaluate(class_score(model, Y), X), evaluate(margin(model, Y), X)
    torch.testing.assert_close(point.value, 2 * one.value + 0.5 * two.value)
    torch.testing.assert_close(point.gradient, 2 * one.gradient + 0.5 * two.gradient)
    assert torch.equal(point.output, one.output)


def test_weights_never_receive_a_gradient() -> None:
    model = net()
    evaluate(margin(model, Y), X)
    assert all(p.grad is None for p in model.parameters())


def test_an_objective_that_ignores_the_input_has_gradient_zero() -> None:
    detached = Objective(lambda x: (torch.ones(len(x)), x))
    other = torch.ones(4, requires_grad=True)
    unused = Objective(lambda x: (other * 2, x))
    for objective in (detached, unused):
        assert evaluate(objective, X).gradient.count_nonzero() == 0


def test_entries_of_the_gradient_that_are_not_finite_are_zero() -> None:
    point = evaluate(Objective(lambda x: (x.sqrt().flatten(1).sum(1), x)), torch.zeros(2, 3))
    assert point.gradient.count_nonzero() == 0


def test_without_gradient_only_the_forward_pass_is_paid() -> None:
    model = net()
    with metered(model) as meter:
        evaluate(margin(model, Y), X, gradient=False)
        assert (meter.forwards, meter.backwards) == (4, 0)
        evaluate(margin(model, Y), X)
        assert (meter.forwards, meter.backwards) == (8, 4)
    model(X)
    assert meter.forwards == 8


def test_margins_by_hand() -> None:
    logits = torch.tensor([[1.0, 3.0, 2.0], [2.0, 2.0, 0.0], [torch.nan, 1.0, 0.0]])
    y = torch.tensor([1, 0, 1])
    found = margins(logits, y)
    assert found[0] == -1.0
    assert found[1] == 0.0, "a tie is not fooled"
    assert not found[2] > 0, "NaN is not fooled"
    assert margins(logits[:1], y[:1], torch.tensor([2]))[0] == -1.0
    negative = margins(torch.tensor([[-5.0, -1.0]]), torch.tensor([0]))
    assert negative[0] == 4.0


def test_dlr_by_hand_and_its_fallbacks() -> None:
    logits = torch.tensor([[4.0, 1.0, 3.0, 0.0]])
    identity = nn.Identity()
    y, t = torch.tensor([0]), torch.tensor([3])
    assert dlr(identity, y)(logits)[0].item() == pytest.approx((3 - 4) / (4 - 1))
    assert dlr(identity, y, t)(logits)[0].item() == pytest.approx((0 - 4) / (4 - 0.5))
    two = torch.tensor([[4.0, 1.0]])
    assert dlr(identity, y)(two)[0].item() == -3.0
    three = torch.tensor([[4.0, 1.0, 3.0]])
    assert dlr(identity, y, torch.tensor([1]))(three)[0].item() == -3.0
