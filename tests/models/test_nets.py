import pytest
import torch

from advkit.errors import UsageError
from advkit.models.nets import NETS, SOUND, build

IMAGES = [arch for arch in NETS if arch not in SOUND]


@pytest.mark.parametrize("arch", IMAGES)
@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 28, 28), (3, 9, 21), (2, 33, 16)])
def test_logits_and_gradient_at_the_input(arch: str, shape: tuple[int, ...]) -> None:
    net = build(arch, shape=shape, n_classes=3).eval()
    x = torch.rand(4, *shape, requires_grad=True)
    logits = net(x)
    assert logits.shape == (4, 3)
    (slope,) = torch.autograd.grad(logits[:, 0].sum(), x)
    assert slope.isfinite().all()
    assert (slope.flatten(1).abs().sum(1) > 0).all()


@pytest.mark.parametrize("arch", ["logistic", "mlp", "resnet", "vit"])
def test_every_pixel_is_looked_at(arch: str) -> None:
    net = build(arch, shape=(1, 9, 13), n_classes=2).eval()
    x = torch.rand(64, 1, 9, 13, requires_grad=True)
    (slope,) = torch.autograd.grad(net(x)[:, 0].sum(), x)
    assert (slope.abs().amax(0) > 0).all()


@pytest.mark.parametrize("arch", IMAGES)
def test_logits_are_the_same_with_and_without_gradients(arch: str) -> None:
    net = build(arch, shape=(1, 8, 8), n_classes=2).eval()
    x = torch.rand(16, 1, 8, 8)
    with torch.no_grad():
        still = net(x)
    torch.testing.assert_close(net(x.requires_grad_()).detach(), still, rtol=0, atol=1e-6)


@pytest.mark.parametrize("arch", ["logistic", "mlp"])
def test_flat_inputs(arch: str) -> None:
    assert build(arch, shape=(7,), n_classes=2)(torch.rand(3, 7)).shape == (3, 2)


def test_size_of_the_standard_nets() -> None:
    def count(arch: str) -> int:
        net = build(arch, shape=(1, 28, 28), n_classes=10)
        return sum(p.numel() for p in net.parameters())

    assert count("logistic") == 7850
    assert count("cnn") == 421_642


@pytest.mark.parametrize(
    ("arch", "options", "told"),
    [
        ("cn", {}, "no architecture 'cn'"),
        ("cnn", {"hiden": 3}, "no option 'hiden'"),
        ("cnn", {"hidden": 0}, "hidden=0"),
        ("cnn", {"hidden": "many"}, "hidden=many"),
        ("logistic", {"width": 3}, "no option 'width'"),
        ("vit", {"width": 30, "heads": 4}, "heads=4"),
    ],
)
def test_what_cannot_be_built(arch: str, options: dict[str, object], told: str) -> None:
    with pytest.raises(UsageError, match=told):
        build(arch, shape=(1, 8, 8), n_classes=2, **options)


@pytest.mark.parametrize("name", ["reznet", "ResNet", "resent"])
def test_did_you_mean(name: str) -> None:
    with pytest.raises(UsageError) as caught:
        build(name, shape=(1, 8, 8), n_classes=2)
    assert caught.value.hint == "did you mean resnet?"


@pytest.mark.parametrize(("shape", "n_classes"), [((1, 7, 9), 2), ((64,), 2), ((1, 8, 8), 1)])
def test_inputs_that_are_too_small(shape: tuple[int, ...], n_classes: int) -> None:
    with pytest.raises(UsageError):
        build("cnn", shape=shape, n_classes=n_classes)
