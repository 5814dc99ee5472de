"""Objectives with several values per sample: one gradient each, from one forward pass."""

import torch
from torch import Tensor, nn

from advkit.engine import Objective, ascend, evaluate, metered
from advkit.engine.ascend import Rule
from advkit.engine.objectives import class_score


def net() -> nn.Module:
    torch.manual_seed(0)
    layers = nn.Sequential(nn.Flatten(), nn.Linear(12, 16), nn.Tanh(), nn.Linear(16, 5))
    return layers.double().requires_grad_(False)


X = torch.rand(70, 3, 2, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


def scores(model: nn.Module) -> Objective:
    def value(x: Tensor) -> tuple[Tensor, Tensor]:
        logits = model(x)
        return logits[:, :3], logits

    return Objective(value)


def test_each_has_the_gradient_that_it_has_alone() -> None:
    model = net()
    point = evaluate(scores(model), X)  # more samples than one pass takes
    assert point.value.shape == (70, 3)
    assert point.gradient.shape == (70, 3, 3, 2, 2)
    for column in range(3):
        alone = evaluate(class_score(model, torch.full((70,), column)), X)
        torch.testing.assert_close(point.gradient[:, column], alone.gradient)


def test_costs_one_way_there_and_one_way_back_for_each() -> None:
    model = net()
    with metered(model) as meter:
        evaluate(scores(model), X)
    assert (meter.forwards, meter.backwards) == (70, 210)
    with metered(model) as meter:
        evaluate(scores(model), X, gradient=False)
    assert (meter.forwards, meter.backwards) == (70, 0)


def test_values_that_ignore_the_input_have_gradient_zero() -> None:
    def value(x: Tensor) -> tuple[Tensor, Tensor]:
        return torch.stack([x.flatten(1).sum(1), torch.ones(len(x)).double()], 1), x

    slope = evaluate(Objective(value), X[:4]).gradient
    assert torch.equal(slope[:, 0], torch.ones_like(X[:4]))
    assert torch.equal(slope[:, 1], torch.zeros_like(X[:4]))


def test_samples_leave_a_walk_with_all_their_values() -> None:
    rule = Rule(lambda x: (), lambda point, state: (point.x + 0.01 * point.gradient[:, 1], state))
    walk = list(ascend(scores(net()), X, rule, 2, lambda point: point.which % 2 == 0))
    assert walk[1].value.shape == (35, 3)
    torch.testing.assert_close(walk[1].x, (X + 0.01 * walk[0].gradient[:, 1])[1::2])
