"""The batched L-BFGS compared with scipy's, and the search for the constant."""

import numpy as np
import pytest
import torch
from scipy.optimize import minimize
from torch import Tensor, nn

from advkit.attacks import lbfgs
from advkit.attacks.limited_memory import lbfgs_in_box
from advkit.engine import Objective, Rule, ascend, evaluate
from advkit.engine.objectives import margins
from advkit.engine.rules import box, steepest, within

SIZE = 20


def hill(count: int = 16) -> Objective:
    """Return a concave function per sample: badly scaled, bent, highest outside of the box."""
    g = torch.Generator().manual_seed(0)
    turn, _ = torch.linalg.qr(torch.randn(count, SIZE, SIZE, generator=g).double())
    scale = torch.logspace(-1.5, 1.5, SIZE).double()
    top = torch.rand(count, SIZE, generator=g).double() * 2 - 0.5

    def value(x: Tensor, turn: Tensor, top: Tensor) -> tuple[Tensor, Tensor]:
        part = (turn @ (x - top)[:, :, None]).squeeze(2) * scale
        return -(part.square() / 2 + (1 + part.square()).sqrt()).sum(1), x

    return Objective(value, (turn, top))


def by_scipy(objective: Objective, start: Tensor, row: int) -> float:
    one = objective._replace(fixed=tuple(each[row : row + 1] for each in objective.fixed))

    def down(z: np.ndarray) -> tuple[float, np.ndarray]:
        point = evaluate(one, torch.from_numpy(z)[None])
        return -point.value.item(), -point.gradient[0].numpy()

    options = {"maxiter": 2000, "ftol": 1e-15, "gtol": 1e-10}
    found = minimize(down, start[row].numpy(), jac=True, method="L-BFGS-B",
                     bounds=[(0, 1)] * SIZE, options=options)  # fmt: skip
    return -float(found.fun)


def height(objective: Objective, start: Tensor, rule: Rule, steps: int) -> Tensor:
    walk = list(ascend(objective, start, rule, steps))
    assert all(((point.x >= 0) & (point.x <= 1)).all() for point in walk)
    return torch.stack([point.value for point in walk]).amax(0)


def test_climbs_as_high_as_scipy_with_walls_in_the_way() -> None:
    objective, start = hill(), torch.full((16, SIZE), 0.5).double()
    highest = torch.tensor([by_scipy(objective, start, row) for row in range(16)]).double()
    whole = highest - evaluate(objective, start).value
    missing = (highest - height(objective, start, lbfgs_in_box(10, 1.0), 300)) / whole
    assert missing.abs().max() <= 1e-6


def test_learns_the_curvature() -> None:
    objective, start = hill(), torch.full((16, SIZE), 0.5).double()
    highest = height(objective, start, lbfgs_in_box(10, 1.0), 300)
    missing = highest - height(objective, start, lbfgs_in_box(10, 1.0), 80)
    plain = [
        within(steepest(lambda slope: slope, torch.full((16,), pace).double()), box())
        for pace in (1e-4, 3e-4, 1e-3, 3e-3)
    ]
    best = torch.stack([height(objective, start, rule, 80) for rule in plain]).amax(0)
    assert (missing / (highest - best)).median() < 1e-4
    assert (missing / (highest - best)).max() < 0.1


def test_a_step_that_loses_is_shortened_and_tried_from_the_same_place() -> None:
    def value(x: Tensor) -> tuple[Tensor, Tensor]:
        return -100 * (x - 0.4).square().sum(1), x

    start = torch.full((1, 1), 0.5).double()
    first, second, third, *_ = ascend(Objective(value), start, lbfgs_in_box(3, 0.4), 4)
    assert second.x.item() == pytest.approx(0.1)  # 0.5 - first: far over the top, a loss
    assert second.value < first.value
    # The parabola through both and the slope has its top where the function has it.
    assert third.x.item() == pytest.approx(0.4)


def test_one_sample_waits_for_none() -> None:
    objective, start = hill(), torch.full((16, SIZE), 0.5).double()
    whole = list(ascend(objective, start, lbfgs_in_box(5, 1.0), 15))[-1].x
    for row in (0, 7, 15):
        one = objective._replace(fixed=tuple(each[row : row + 1] for each in objective.fixed))
        alone = list(ascend(one, start[:1], lbfgs_in_box(5, 1.0), 15))[-1].x
        torch.testing.assert_close(alone, whole[row : row + 1], rtol=0, atol=1e-9)


def test_the_constant_is_found_from_far_away() -> None:
    g = torch.Generator().manual_seed(0)
    net = nn.Sequential(nn.Linear(12, 30), nn.Tanh(), nn.Linear(30, 4)).requires_grad_(False)
    for each in net.parameters():
        each.copy_(torch.randn(each.shape, generator=g))
    x = torch.rand(16, 12, generator=g)
    y = net(x).argmax(1)
    sizes = []
    for c in (1e-4, 1.0, 1e4):
        found = lbfgs(net, x, y, c=c, searches=12, steps=30)
        assert (margins(net(found), y) > 0).all()
        sizes.append((found - x).norm(dim=1).mean())
    assert max(sizes) <= 1.05 * min(sizes)
    lost = lbfgs(net, x, y, c=1e4, searches=1, first=1e-3)
    assert torch.equal(lost, x), "nothing fools at a constant that forbids every move"


def test_targets_have_a_loss_of_their_own() -> None:
    g = torch.Generator().manual_seed(0)
    net = nn.Linear(12, 5).requires_grad_(False)
    net.weight.copy_(torch.randn(5, 12, generator=g))
    net.bias.copy_(-0.5 * net.weight.sum(1))
    x = 0.5 + 0.05 * torch.randn(16, 12, generator=g)
    y = net(x).argmax(1)
    targets = (y + 1 + torch.arange(16) % 4) % 5
    found = lbfgs(net, x, y, targets=targets)
    assert torch.equal(net(found).argmax(1), targets)
    free = lbfgs(net, x, y)
    # Not exactly: where three classes meet, the loss pulls towards both others at once.
    assert ((free - x).norm(dim=1) <= (found - x).norm(dim=1) * 1.15).all()
    assert ((free - x).norm(dim=1) < (found - x).norm(dim=1) * 0.9).sum() >= 4
