"""DeepFool, SuperDeepFool and FAB on models with a known nearest boundary."""

import pytest
import torch
from torch import Tensor, nn

import advkit
from advkit.attacks import ATTACKS, attack_card, deepfool, fab, lbfgs, superdeepfool
from advkit.attacks import fast_adaptive_boundary as fab_file
from advkit.attacks.boundaries import differences, nearest_boundary
from advkit.attacks.minimum import Nearest
from advkit.attacks.polish import polished
from advkit.engine import NORMS, evaluate, metered
from advkit.engine.objectives import margins

each_norm = pytest.mark.parametrize("norm", ["Linf", "L2", "L1"])


def linear(classes: int = 7, size: int = 20) -> nn.Module:
    """Return a linear model in whose middle no class is far."""
    g = torch.Generator().manual_seed(0)
    net = nn.Linear(size, classes).requires_grad_(False)
    weight = torch.randn(classes, size, generator=g) * torch.logspace(-0.3, 0.3, classes)[:, None]
    net.weight.copy_(weight)
    net.bias.copy_(-0.5 * weight.sum(1) + 0.05 * torch.randn(classes, generator=g))
    return net


def middle(n: int = 32, size: int = 20) -> Tensor:
    return 0.5 + 0.02 * torch.randn(n, size, generator=torch.Generator().manual_seed(1))


def gaps_and_distances(net: nn.Module, x: Tensor, y: Tensor, norm: str) -> tuple[Tensor, Tensor]:
    """Return logit differences to every class and exact distances to its boundary, (n, classes)."""
    gaps = net(x) - net(x).gather(1, y[:, None])
    slopes = net.weight[None] - net.weight[y][:, None]
    distances = gaps.abs() / NORMS[norm].dual(slopes.flatten(0, 1)).view_as(gaps)
    return gaps, distances.scatter(1, y[:, None], torch.inf)


def test_differences_stand_by_likelihood_and_have_their_own_slopes() -> None:
    net, x = linear(), middle()
    y = net(x).argmax(1)
    gaps, _ = gaps_and_distances(net, x, y, "L2")
    order = gaps.scatter(1, y[:, None], -torch.inf).argsort(1, descending=True)[:, :3]
    point = evaluate(differences(net, y, None, 3), x)
    torch.testing.assert_close(point.value, gaps.gather(1, order))
    torch.testing.assert_close(point.gradient, net.weight[order] - net.weight[y][:, None])
    assert evaluate(differences(net, y, None, 99), x).value.shape == (32, 6)
    targets = (y + 1) % 7
    aimed = evaluate(differences(net, y, targets, 3), x)
    torch.testing.assert_close(aimed.value, margins(net(x), y, targets)[:, None])


@each_norm
def test_the_nearest_boundary_is_not_always_that_of_the_likeliest_class(norm: str) -> None:
    net, x = linear(), middle()
    y = net(x).argmax(1)
    _, distances = gaps_and_distances(net, x, y, norm)
    value, slope = nearest_boundary(norm, evaluate(differences(net, y, None, 6), x))
    torch.testing.assert_close(value.abs() / NORMS[norm].dual(slope), distances.amin(1))
    first, _ = nearest_boundary(norm, evaluate(differences(net, y, None, 1), x))
    assert (first != value).sum() >= 5


def test_a_boundary_without_a_slope_is_nowhere() -> None:
    point = evaluate(differences(linear(), torch.zeros(2, dtype=torch.long), None, 2), middle(2))
    flat = point._replace(
        value=torch.tensor([[-0.1, -5.0], [-0.1, torch.nan]]),
        gradient=point.gradient * torch.tensor([0.0, 1.0])[None, :, None],
    )
    value, slope = nearest_boundary("L2", flat)
    assert value[0] == -5
    assert torch.equal(slope[0], flat.gradient[0, 1])


@pytest.mark.parametrize(
    ("name", "norm"),
    [(name, norm) for name in ("deepfool", "superdeepfool", "fab")
     for norm in attack_card(name, ATTACKS[name]).norms],
)  # fmt: skip
def test_among_many_classes_the_nearest_is_found(name: str, norm: str) -> None:
    net, x = linear(), middle()
    y = net(x).argmax(1)
    _, distances = gaps_and_distances(net, x, y, norm)
    choice = "n_targets" if name == "fab" else "candidates"
    found = ATTACKS[name](net, x, y, norm=norm, **{choice: 6})
    ratio = NORMS[norm].size(found - x) / distances.amin(1)
    assert ratio.min() >= 1 - 1e-4
    assert ratio.max() <= 1.01
    few = ATTACKS[name](net, x, y, norm=norm, **{choice: 1})
    assert (NORMS[norm].size(few - x) / distances.amin(1)).max() > 1.05


class Ellipsoid(nn.Module):
    """Class 1 is the outside of an ellipsoid around the middle of the box."""

    axes = torch.tensor([0.45, 0.2, 0.1]).double()

    def forward(self, x: Tensor) -> Tensor:
        outside = ((x - 0.5) / self.axes).square().sum(1) - 1
        return torch.stack([-outside, outside], 1)


def distance_to_ellipsoid(x: Tensor) -> Tensor:
    """Return it by search over the Lagrange multiplier: u_i = c_i a_i^2 / (a_i^2 + t)."""
    square, offset = Ellipsoid.axes.square(), x - 0.5
    low = torch.full((len(x), 1), -float(square.min()) * (1 - 1e-9)).double()
    high = torch.full_like(low, 10.0)
    for _ in range(200):
        t = (low + high) / 2
        outside = ((offset * square / (square + t)) / Ellipsoid.axes).square().sum(1, keepdim=True)
        low, high = torch.where(outside > 1, t, low), torch.where(outside > 1, high, t)
    return (offset * square / (square + low) - offset).norm(dim=1)


def test_where_the_boundary_is_curved_the_normal_is_found() -> None:
    g = torch.Generator().manual_seed(0)
    model, x = Ellipsoid(), torch.rand(64, 3, generator=g).double()
    y = model(x).argmax(1)
    exact = distance_to_ellipsoid(x)

    def ratio(found: Tensor) -> Tensor:
        assert (margins(model(found), y) > 0).all()
        assert ((found - x).norm(dim=1) >= exact * (1 - 1e-6)).all()
        return (found - x).norm(dim=1) / exact

    assert ratio(deepfool(model, x, y)).quantile(0.75) > 1.04, "too easy: DeepFool alone does it"
    assert ratio(superdeepfool(model, x, y)).max() <= 1.002
    assert ratio(fab(model, x, y, norm="L2")).max() <= 1.01
    assert ratio(lbfgs(model, x, y)).max() <= 1.005


def test_deepfool_pays_two_looks_at_a_linear_model_and_the_polish() -> None:
    net, x = linear(), middle()
    y = net(x).argmax(1)
    for polish in (0, 7):
        with metered(net) as meter:
            found = deepfool(net, x, y, polish=polish)
        assert meter.forwards == 32 * (2 + polish)
        assert meter.backwards == 32 * 3 * (1 + 1)
        assert (margins(net(found), y) > 0).all()


def test_deepfool_overshoots_by_what_it_is_told() -> None:
    net, x = linear(2), middle()
    y = net(x).argmax(1)
    _, distances = gaps_and_distances(net, x, y, "L2")
    found = deepfool(net, x, y, overshoot=0.3, polish=0)
    size = (found - x).norm(dim=1)
    torch.testing.assert_close(size, 1.3 * (distances.amin(1) + 1e-4), rtol=1e-4, atol=1e-6)


def test_fab_draws_no_walk_back_that_has_not_crossed(monkeypatch: pytest.MonkeyPatch) -> None:
    # Two images of a robust net that the published pull holds before the boundary.
    net = advkit.load_model("bundled:fashion-mnist-cnn-robust")
    data = advkit.load_data("bundled:fashion-mnist", limit=50)
    kept = (net(data.x).argmax(1) == data.y).nonzero().squeeze(1)[[4, 29]]
    x, y = data.x[kept], data.y[kept]

    def fooled() -> int:
        found = fab(net, x, y, norm="L1", steps=30, n_targets=1)
        return int((margins(net(found), y) > 0).sum())

    assert fooled() == 2
    monkeypatch.setattr(fab_file, "PATIENCE", 1000)
    assert fooled() == 0


@pytest.mark.parametrize("eps", [None, 1e-3])
def test_later_walks_of_fab_begin_at_half_the_distance_found_or_of_eps(eps: float | None) -> None:
    net, x = linear(2), middle(8)
    y = net(x).argmax(1)
    first = fab(net, x, y, norm="L2", steps=5, n_targets=1, polish=0)
    reach = (first - x).norm(dim=1) if eps is None else torch.full((8,), eps)
    seen: list[Tensor] = []
    spy = net.register_forward_pre_hook(lambda _m, args: seen.append(args[0].clone()))
    fab(net, x, y, eps=eps, norm="L2", steps=5, n_targets=1, restarts=2, polish=0)
    spy.remove()
    torch.testing.assert_close((seen[1 + 6] - x).norm(dim=1), reach / 2)  # 1 look, 6 points


def test_the_polish_is_for_what_was_found_and_is_not_yet_near_enough() -> None:
    net, x = linear(2), middle(6)
    y = net(x).argmax(1)
    far = fab(net, x, y, norm="L2", polish=0)
    away = x + 1.5 * (far - x)
    size = (away - x).norm(dim=1)
    distance = size.clone().index_fill(0, torch.tensor([0, 1]), torch.inf)
    stop = torch.zeros(6).index_fill(0, torch.tensor([2]), 9.0)
    with metered(net) as meter:
        found = polished(net, x, y, None, Nearest(away, distance), "L2", stop, 12)
    assert meter.forwards == 3 * 12
    assert torch.equal(found.x[:3], away[:3])
    assert (found.distance[3:] < size[3:] / 1.49).all()
    torch.testing.assert_close(found.distance[3:], (found.x - x).norm(dim=1)[3:])
    assert (margins(net(found.x[3:]), y[3:]) > 0).all()
