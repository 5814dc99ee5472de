"""Gradient methods against closed forms (insight, rows 3.2, 3.6, 3.8, 3.9, 3.10)."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from advkit.engine.objectives import class_score
from advkit.errors import UsageError
from advkit.insight import Look, attribution, expected_gradients, integrate, saliency
from tests.insight.nets import POINT, ByHand, noise, seeded


def linear(features: int = 12, classes: int = 3) -> nn.Linear:
    return seeded(lambda: nn.Linear(features, classes))


def look_at(net: nn.Module, x: Tensor, target: int = 0) -> Look:
    return Look(net, x, class_score(net, torch.full((len(x),), target)))


def test_homogeneity_without_biases() -> None:
    net = ByHand(nn.ReLU(), nn.ReLU())
    assert attribution(net, POINT, 0, method="gradient_times_input").tolist() == [[3, -2]]
    for steps in (1, 7, 50):
        found = integrate(look_at(net, POINT), steps=steps)
        assert torch.allclose(found.values, torch.tensor([[3.0, -2.0]]), atol=1e-5)
        assert found.gap.item() < 1e-5
        assert found.rise.item() == 1.0


def test_a_linear_score_is_explained_by_its_weights() -> None:
    net, x = linear(), noise(5, 12)
    w, background = net.weight[2], noise(7, 12, seed=1)
    assert torch.equal(saliency(net, x, 2)[:, 0], w.abs().expand(5, -1))
    smooth = attribution(net, x, 2, method="smooth_grad:draws=7")
    assert torch.allclose(smooth, w.expand(5, -1), atol=1e-6)
    assert attribution(net, x, 2, method="var_grad:draws=7").abs().max() < 1e-10
    ig = integrate(look_at(net, x, 2), baseline=background[:5], steps=3).values
    assert torch.allclose(ig, (x - background[:5]) * w, atol=1e-6)
    many = expected_gradients(look_at(net, x, 2), background, draws=2000)
    assert torch.allclose(many, (x - background.mean(0)) * w, atol=0.02)
    hidden = saliency(net, x, 2, method="occlusion:size=1,stride=1,fill=0.3")[:, 0]
    assert torch.allclose(hidden, w * (x - 0.3), atol=1e-5)


def test_all_methods_rank_a_linear_score_alike() -> None:
    net = linear()
    x = torch.ones(1, 12)
    maps = [saliency(net, x, 0, method=m, reduce="signed")[0, 0]
            for m in ("gradient", "gradient_times_input", "smooth_grad", "integrated_gradients",
                      "occlusion:size=1,stride=1")]  # fmt: skip
    orders = [each.argsort().tolist() for each in maps]
    assert all(order == orders[0] for order in orders)


class Smooth(nn.Module):
    """A polynomial of degree 5 along every straight way; its gradient is known."""

    def forward(self, x: Tensor) -> Tensor:
        """Return the score of x (n, 2) as logits (n, 1)."""
        return (x[:, 0] ** 3 * x[:, 1] ** 2 + x[:, 1])[:, None]


def test_gauss_legendre_is_exact_for_polynomials() -> None:
    x = torch.tensor([[1.5, -2.0], [0.3, 0.9]], dtype=torch.float64)
    for steps, exact in ((3, True), (2, False)):
        found = integrate(look_at(Smooth(), x), steps=steps, tolerance=1e9)
        assert (found.gap < 1e-12).all() is torch.tensor(exact) or bool(
            (found.gap < 1e-12).all()
        ) is exact
    a, b = x.unbind(1)
    known = torch.stack([0.6 * a**3 * b**2, 0.4 * a**3 * b**2 + b], 1)
    assert torch.allclose(integrate(look_at(Smooth(), x), steps=3).values, known, atol=1e-12)


def test_steps_are_added_until_the_sum_is_complete() -> None:
    net = nn.Sequential(nn.Linear(1, 1), nn.ReLU(), nn.Linear(1, 1))
    net[0].weight.data.fill_(1.0), net[0].bias.data.fill_(-0.7123)  # a kink on the way
    net[2].weight.data.fill_(1.0), net[2].bias.data.fill_(0.0)
    look = look_at(net, torch.tensor([[1.0], [0.5]]))
    rough = integrate(look, steps=4, tolerance=1e9)
    found = integrate(look, steps=4, tolerance=0.005)
    assert rough.gap[0] > 0.005 * 0.2877
    assert found.gap[0] <= 0.005 * 0.2877
    assert found.steps.tolist()[0] > 4
    assert found.steps.tolist()[1] == 4  # the other sample never needed more


def test_the_gradient_is_that_of_finite_differences() -> None:
    net = seeded(lambda: nn.Sequential(nn.Conv2d(1, 3, 3), nn.ReLU(), nn.Flatten(),
                                       nn.Linear(48, 2))).double()  # fmt: skip
    x = noise(1, 1, 6, 6).double()
    found, h = attribution(net, x, 1)[0, 0], 1e-6
    for i in range(0, 36, 5):
        step = torch.zeros(36, dtype=torch.float64)
        step[i] = h
        step = step.view(1, 1, 6, 6)
        slope = (net(x + step)[0, 1] - net(x - step)[0, 1]) / (2 * h)
        assert slope.item() == pytest.approx(found.flatten()[i].item(), rel=1e-6, abs=1e-8)


class Twice(nn.Module):
    """The function of `ByHand` as another net: the same layers, their units in another order."""

    def __init__(self, net: nn.Sequential) -> None:
        super().__init__()
        self.net = net

    def forward(self, x: Tensor) -> Tensor:
        """Return the same logits, half of them from each of two copies of a scaled net."""
        first, last = self.net[0], self.net[2]
        h = torch.relu(4 * first(x)) / 4
        return 0.5 * last(h.flip(1).flip(1)) + 0.5 * last(torch.relu(first(x)))


def test_integrated_gradients_see_the_function_not_the_net() -> None:
    net = seeded(lambda: nn.Sequential(nn.Linear(4, 9), nn.ReLU(), nn.Linear(9, 2)))
    x = noise(3, 4)
    a = integrate(look_at(net, x), steps=64).values
    b = integrate(look_at(Twice(net), x), steps=64).values
    assert torch.allclose(a, b, atol=1e-5)


def test_unused_inputs_get_nothing_and_equal_inputs_equal_shares() -> None:
    class Symmetric(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return (torch.relu(x[:, 0] + x[:, 1] - 0.4) * x[:, 0] * x[:, 1])[:, None]

    x = torch.tensor([[0.7, 0.7, 0.9]])
    for method in ("gradient", "integrated_gradients", "smooth_grad:draws=4", "guided_backprop"):
        found = attribution(Symmetric(), x, 0, method=method)[0]
        assert found[2] == 0, method
        if "smooth" not in method:
            assert found[0].item() == pytest.approx(found[1].item(), rel=1e-6)
            assert found[0] > 0


def test_noise_is_keyed_by_the_sample_not_by_its_place() -> None:
    net, x = seeded(lambda: nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 2))), noise(4, 6)
    ids = ("a", "b", "c", "d")
    one = attribution(net, x, 0, method="smooth_grad:draws=9", ids=ids)
    other = attribution(net, x.flip(0), 0, method="smooth_grad:draws=9", ids=ids[::-1])
    assert torch.allclose(one, other.flip(0), atol=1e-7)
    assert not torch.equal(
        one, attribution(net, x, 0, method="smooth_grad:draws=9", ids=ids, seed=1)
    )


def test_rise_finds_the_pixels_that_count() -> None:
    net = nn.Sequential(nn.Flatten(), nn.Linear(256, 1, bias=False))
    net[1].weight.data = torch.zeros(1, 16, 16)[:, :, :].flatten(1)
    net[1].weight.data[0].view(16, 16)[2:6, 9:13] = 1.0
    found = saliency(net, torch.ones(1, 1, 16, 16), 0, method="rise:masks=600,cells=4")[0]
    inside = torch.zeros(16, 16, dtype=torch.bool)
    inside[2:6, 9:13] = True
    top = found.flatten().topk(16).indices
    assert inside.flatten()[top].float().mean() > 0.7
    assert abs(found[12:, :4].mean()) < 0.2 * found[inside].mean()


@pytest.mark.parametrize(
    ("how", "known"),
    [("max", 3.0), ("sum", 6.0), ("l2", np.sqrt(14)), ("signed", -4.0)],
)
def test_channels_become_one_map(how: str, known: float) -> None:
    net = nn.Sequential(nn.Flatten(), nn.Linear(3, 1))
    net[1].weight.data = torch.tensor([[1.0, -2.0, -3.0]])
    assert saliency(net, noise(1, 3, 1, 1), 0, reduce=how).item() == pytest.approx(known)


def test_targets_are_explicit() -> None:
    net, x = linear(), noise(6, 12)
    w, logits = net.weight, net(x)
    best, y = logits.argmax(1), torch.tensor([0, 1, 2, 0, 1, 2])
    names = ["cat", "dog", "well-known"]

    def seen(target: object, **more: object) -> Tensor:
        return attribution(net, x, target, names=names, **more)

    assert torch.equal(seen("predicted"), w[best])
    assert torch.equal(seen("label", y=y), w[y])
    assert torch.equal(seen(y), w[y])
    assert torch.equal(seen("dog"), w[1].expand(6, -1))
    assert torch.allclose(seen("dog-cat"), (w[1] - w[0]).expand(6, -1))
    assert torch.allclose(seen("well-known-cat"), (w[2] - w[0]).expand(6, -1))
    assert torch.equal(seen("2"), seen("well-known"))
    second = logits.scatter(1, best[:, None], -torch.inf).argmax(1)
    assert torch.equal(seen("second"), w[second])
    rival = logits.scatter(1, y[:, None], -torch.inf).argmax(1)
    assert torch.allclose(seen("margin", y=y), w[y] - w[rival])
    for wrong, hint in (("dgo", "dog"), ("label", "give y"), ("7", "known")):
        with pytest.raises(UsageError) as error:
            seen(wrong)
        assert hint in error.value.hint
