"""ZOO: slopes compared with exact derivatives, distances with the nearest boundary."""

import torch

from advkit.attacks import ATTACKS
from advkit.attacks.zeroth_order import _begin, _slopes
from advkit.engine import NORMS
from advkit.engine.objectives import margin, margins
from tests.attacks.problems import affine, boxed_radius, cnn, near_boundary


def test_slopes_are_the_derivatives_of_the_penalty() -> None:
    net = cnn().double()
    x = torch.rand(3, 1, 9, 7, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    y, weight = net(x).argmax(1), torch.tensor([0.5, 2.0, 8.0]).double()
    stream = torch.arange(3)
    s = _begin(margin(net, y), x, torch.zeros(3).double(), stream, weight)
    away = 0.05 * torch.randn(x.shape, generator=torch.Generator().manual_seed(3)).double()
    s = s._replace(x=(x + away).clamp(0.01, 0.99))
    places = torch.rand(3, 63, generator=torch.Generator().manual_seed(4)).argsort(1)[:, :20]
    _, slopes = _slopes(s, places, 1e-5)
    z = s.x.clone().requires_grad_(True)
    penalty = weight * (-margins(net(z), y)).clamp_min(0) + (z - x).flatten(1).square().sum(1)
    (exact,) = torch.autograd.grad(penalty.sum(), z)
    torch.testing.assert_close(slopes, exact.flatten(1).gather(1, places), atol=1e-7, rtol=1e-5)


def test_at_a_wall_the_difference_is_one_sided() -> None:
    model, x = affine(10), torch.zeros(2, 10)
    x[1] = 1.0
    y = 1 - model(x).argmax(1)  # misread: only the distance is left in the penalty
    s = _begin(margin(model, y), x, torch.zeros(2), torch.arange(2), torch.ones(2))
    _, slopes = _slopes(s, torch.arange(10).expand(2, 10), 0.1)
    torch.testing.assert_close(slopes, torch.tensor([[0.1], [-0.1]]).expand(2, 10))


def test_it_comes_near_the_boundary_of_a_linear_model_and_not_nearer() -> None:
    model = affine(40)
    x = near_boundary(model, 4, 0.2, "L2")
    y = model(x).argmax(1)
    exact = boxed_radius(model, x, y, "L2")
    options = {"steps": 120, "coordinates": 20, "searches": 6, "step": 0.02, "h": 0.001}
    found = ATTACKS["zoo"](model, x, y, **options)
    ratio = NORMS["L2"].size(found.double() - x.double()) / exact
    assert (ratio >= 1 - 1e-4).all()
    assert ratio.max() < 1.1
