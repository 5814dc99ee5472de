"""captum (extra: peers): equal where it is correct; elsewhere compared with our closed form."""

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from advkit.engine.objectives import class_score
from advkit.insight import Look, attribution, integrate
from tests.insight.nets import POINT, ByHand, Skip, noise, seeded

attr = pytest.importorskip("captum.attr")
pytestmark = pytest.mark.filterwarnings("ignore")  # captum warns of its own hooks


def small() -> nn.Module:
    return seeded(lambda: nn.Sequential(
        nn.Conv2d(3, 6, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 8, 3, padding=1),
        nn.ReLU(), nn.AdaptiveAvgPool2d(4), nn.Flatten(), nn.Linear(128, 5)))  # fmt: skip


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ("gradient", lambda net: attr.Saliency(net).attribute),
        ("gradient_times_input", lambda net: attr.InputXGradient(net).attribute),
        ("deconvnet", lambda net: attr.Deconvolution(net).attribute),
        ("guided_backprop", lambda net: attr.GuidedBackprop(net).attribute),
    ],
)
def test_the_gradient_family(ours: str, theirs: object) -> None:
    net, x = small(), noise(4, 3, 16, 16)
    more = {"abs": False} if ours == "gradient" else {}
    known = theirs(net)(x.clone().requires_grad_(True), target=2, **more)
    found = attribution(net, x, 2, method=ours)
    assert known.any()
    assert torch.allclose(found, known, atol=1e-5 * known.abs().max().item())


@pytest.mark.parametrize("layer", ["3", "4"])
def test_grad_cam(layer: str) -> None:
    net, x = small(), noise(4, 3, 16, 16)
    cam = attr.LayerGradCam(net, net[int(layer)])
    known = cam.attribute(x, target=2, relu_attributions=True)[:, 0]
    found = attribution(net, x, 2, method="grad_cam", layer=layer)
    assert known.any()
    assert torch.allclose(found, known, atol=1e-5 * known.abs().max().item())


def test_guided_grad_cam_enlarged_the_same_way() -> None:
    net, x = small(), noise(2, 3, 16, 16)
    peer = attr.GuidedGradCam(net, net[3])
    known = peer.attribute(x.clone().requires_grad_(True), target=2, interpolate_mode="bilinear")
    found = attribution(net, x, 2, method="guided_grad_cam", layer="3")
    assert torch.allclose(found, known, atol=1e-5 * known.abs().max().item())


def test_integrated_gradients_at_the_same_points() -> None:
    net, x = small(), noise(3, 3, 16, 16)
    known = attr.IntegratedGradients(net).attribute(x, target=2, n_steps=20)
    look = Look(net, x, class_score(net, torch.full((3,), 2)))
    found = integrate(look, steps=20, tolerance=1e9).values
    assert torch.allclose(found, known, atol=1e-5 * known.abs().max().item())


def test_occlusion() -> None:
    net, x = small(), noise(2, 3, 16, 16)
    peer = attr.Occlusion(net)
    known = peer.attribute(x, target=2, sliding_window_shapes=(3, 4, 4), strides=(3, 2, 2))[:, 0]
    found = attribution(net, x, 2, method="occlusion:size=4,stride=2")
    assert torch.allclose(found, known, atol=1e-5)


@pytest.mark.parametrize("activation", [F.relu, torch.relu, lambda z: z.relu_()])
def test_captum_does_not_see_a_rectifier_that_is_no_module(activation: object) -> None:
    net = ByHand(activation, activation)
    x = POINT.clone().requires_grad_(True)
    assert attr.GuidedBackprop(net).attribute(x, target=0).tolist() == [[3, -1]]  # the gradient
    assert attribution(net, POINT, 0, method="guided_backprop").tolist() == [[3, 0]]
    assert attr.Deconvolution(net).attribute(x, target=0).tolist() == [[3, -1]]
    assert attribution(net, POINT, 0, method="deconvnet").tolist() == [[11, -6]]


def test_captum_loses_what_goes_round_the_rectifier() -> None:
    """y = (1, -3) . relu(x) + (-2, 5) . x at (1, -1): by hand (-1, 5) for every rule."""
    net, x = Skip((1, -3), (-2, 5)), torch.tensor([[1.0, -1.0]])

    def theirs(method: type) -> Tensor:
        return method(net).attribute(x.clone().requires_grad_(True), target=0)

    assert theirs(attr.Deconvolution).tolist() == [[1, 0]]
    assert theirs(attr.GuidedBackprop).tolist() == [[0, 5]]
    for method in ("deconvnet", "guided_backprop"):
        assert attribution(net, x, 0, method=method).tolist() == [[-1, 5]]


def test_captum_takes_relu6_for_no_rectifier() -> None:
    net = seeded(lambda: nn.Sequential(nn.Linear(4, 8), nn.ReLU6(), nn.Linear(8, 2)))
    x = noise(3, 4)
    theirs = attr.GuidedBackprop(net).attribute(x.clone().requires_grad_(True), target=0)
    assert torch.equal(theirs, attribution(net, x, 0, method="gradient"))
    assert not torch.equal(theirs, attribution(net, x, 0, method="guided_backprop"))


def test_captums_trapezoid_misses_the_sum() -> None:
    net = nn.Linear(3, 1, bias=False)
    x = noise(1, 3)
    peer = attr.IntegratedGradients(net)
    theirs = peer.attribute(x, target=0, n_steps=10, method="riemann_trapezoid").sum()
    rise = net(x).item()
    assert theirs.item() == pytest.approx(0.9 * rise, rel=1e-4)
    look = Look(net, x, class_score(net, torch.tensor([0])))
    assert integrate(look, steps=10).values.sum().item() == pytest.approx(rise, rel=1e-5)
