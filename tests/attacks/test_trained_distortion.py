"""Trained distortions of a linear model, whose optimum and required size are known."""

import pytest
import torch
from torch import Tensor, nn

from advkit.attacks import distortion
from advkit.engine import metered
from advkit.engine.objectives import margins


def problem(classes: int = 4, n: int = 12) -> tuple[nn.Linear, Tensor, Tensor]:
    g = torch.Generator().manual_seed(0)
    net = nn.Linear(24, classes).requires_grad_(False)
    net.weight.copy_(torch.randn(classes, 24, generator=g))
    net.bias.copy_(-0.4 * net.weight.sum(1))
    x = torch.rand(n, 24, generator=g)
    x = x.where(x < 0.8, 1.0).where(x > 0.2, 0.0)
    return net, x, net(x).argmax(1)


def by_scan(net: nn.Linear, x: Tensor, y: Tensor, aim: Tensor, goal: Tensor | None) -> Tensor:
    """Add the black image after 10 moves of 0.05, in a thousand growing amounts, to ``x``."""
    added = 0.5 * (net.weight[aim] > 0)
    shares = torch.linspace(0, 8, 1001)
    flips = torch.stack([margins(net((x + s * added).clamp(0, 1)), y, goal) > 0 for s in shares])
    first = flips.int().argmax(0)
    moved = (x + shares[first][:, None] * added).clamp(0, 1)
    return torch.where(flips.any(0)[:, None], moved, x)


@pytest.mark.parametrize("aimed", [False, True])
def test_adds_as_little_as_a_fine_scan_finds(aimed: bool) -> None:
    net, x, y = problem()
    likeliest = net(x).scatter(1, y[:, None], -torch.inf).argmax(1)
    aim = (y + 2) % 4 if aimed else likeliest
    goal = aim if aimed else None
    found = distortion(net, x, y, steps=10, step=0.05, targets=goal)
    wanted = by_scan(net, x, y, aim, goal)
    moved = (wanted != x).any(1)
    assert moved.sum() >= 8
    torch.testing.assert_close(found[moved], wanted[moved], rtol=0, atol=0.004)
    assert torch.equal(found[~moved], x[~moved])
    assert (margins(net(found[moved]), y[moved], None if goal is None else goal[moved]) > 0).all()


def test_the_distortion_is_trained_on_black_and_knows_nothing_of_the_photograph() -> None:
    net, x, y = problem()
    seen: list[Tensor] = []
    spy = net.register_forward_pre_hook(lambda _m, args: seen.append(args[0].clone()))
    aim = (y + 1) % 4
    distortion(net, x, y, steps=5, step=0.1, targets=aim)
    spy.remove()
    assert torch.equal(seen[0], x)
    for move, z in enumerate(seen[1:7]):
        torch.testing.assert_close(z, 0.1 * move * (net.weight[aim] > 0))


def test_pays_for_bisection_only_where_it_is_further_than_eps() -> None:
    net, x, y = problem(2)
    paid = []
    for eps in (None, 1e3):
        with metered(net) as meter:
            found = distortion(net, x, y, eps=eps, steps=5, step=0.2, polish=9)
        paid.append(meter.forwards)
    fooled = int((margins(net(found), y) > 0).sum())
    assert fooled >= 8
    assert paid[0] - paid[1] == 9 * fooled


def test_more_training_needs_less_of_it() -> None:
    net, x, y = problem()
    little, much = (
        distortion(net, x, y, norm="Linf", steps=steps, step=0.05, shares=1) for steps in (1, 20)
    )
    assert (margins(net(much), y) > 0).sum() > (margins(net(little), y) > 0).sum()
