import pytest
import torch
from torch import Tensor, nn

from advkit.errors import InputError
from advkit.models import Classifier
from advkit.models.nets import build


def net(arch: str = "cnn", shape: tuple[int, ...] = (1, 28, 28)) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return build(arch, shape=shape, n_classes=10)


def images(n: int, shape: tuple[int, ...] = (1, 28, 28)) -> Tensor:
    return torch.rand(n, *shape, generator=torch.Generator().manual_seed(1))


def in_batches(classifier: Classifier, x: Tensor, size: int) -> tuple[Tensor, Tensor]:
    logits, slopes = [], []
    for part in x.split(size):
        part = part.clone().requires_grad_()
        out = classifier(part)
        slopes.append(torch.autograd.grad(out[:, 0].sum(), part)[0])
        logits.append(out.detach())
    return torch.cat(logits), torch.cat(slopes)


@pytest.mark.parametrize("arch", ["cnn", "mlp"])
@pytest.mark.parametrize("size", [1, 3, 16, 50])
def test_batch_size_never_changes_a_bit(arch: str, size: int) -> None:
    classifier, x = Classifier(net(arch), name="net"), images(50)
    logits, slopes = in_batches(classifier, x, 48)
    again, slopes_again = in_batches(classifier, x, size)
    assert torch.equal(logits, again)
    assert torch.equal(slopes, slopes_again)


def test_weights_are_frozen_for_ever() -> None:
    classifier = Classifier(net("resnet"), name="net")
    x = images(3).requires_grad_()
    classifier(x).sum().backward()
    assert x.grad is not None
    assert all(p.grad is None and not p.requires_grad for p in classifier.parameters())


def test_eval_mode_for_ever() -> None:
    classifier = Classifier(net("resnet").train(), name="net")
    before = classifier.fingerprint()
    classifier.train()
    classifier.train(True)(images(20))
    assert not any(module.training for module in classifier.modules())
    assert classifier.fingerprint() == before
    assert classifier.notes == ("the model was in training mode; it was put into eval mode",)
    assert Classifier(net("cnn").train(), name="net").notes == ()


@pytest.mark.parametrize("channels", [1, 3])
def test_normalisation_is_that_by_hand(channels: int) -> None:
    mean, std = [0.1, 0.5, 0.9][:channels], [0.2, 0.3, 0.4][:channels]
    inner, x = net(shape=(channels, 28, 28)), images(16, (channels, 28, 28))
    by_hand = torch.stack([(x[:, c] - mean[c]) / std[c] for c in range(channels)], 1)
    expected = Classifier(inner, name="net")(by_hand)
    found = Classifier(inner, name="net", mean=mean, std=std)(x)
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)


def test_one_mean_serves_all_channels_and_flat_inputs() -> None:
    x = images(16, (3, 8, 8))
    inner = net("logistic", (3, 8, 8))
    one = Classifier(inner, name="net", mean=[0.5], std=[0.25])(x)
    assert torch.equal(one, Classifier(inner, name="net", mean=[0.5] * 3, std=[0.25] * 3)(x))
    flat = Classifier(net("mlp", (5,)), name="flat", mean=[0.5], std=[0.25])
    assert flat(images(3, (5,))).shape == (3, 10)


def test_normalisation_for_other_channels_is_refused_not_broadcast() -> None:
    classifier = Classifier(net(), name="net", mean=[0.5] * 3, std=[0.5] * 3)
    with pytest.raises(InputError, match=r"expects 3 channels .* the data has 1"):
        classifier(images(2))


@pytest.mark.parametrize("std", [[0.0], [float("nan")], [-1.0], []])
def test_impossible_std(std: list[float]) -> None:
    with pytest.raises(InputError, match="cannot be used"):
        Classifier(net(), name="net", std=std)


def test_fingerprint_tells_one_weight_and_the_normalisation() -> None:
    found = {Classifier(net(), name="a", mean=[0.5]).fingerprint()}
    assert Classifier(net(), name="b", mean=[0.5]).fingerprint() in found
    found.add(Classifier(net(), name="a").fingerprint())
    found.add(Classifier(net(), name="a", mean=[0.25]).fingerprint())
    found.add(Classifier(net(), name="a", std=[0.5]).fingerprint())
    other = net()
    with torch.no_grad():
        other[0].weight[0, 0, 0, 0] += 1e-3
    found.add(Classifier(other, name="a", mean=[0.5]).fingerprint())
    assert len(found) == 5


def test_fingerprint_of_every_dtype() -> None:
    inner = nn.BatchNorm2d(3).bfloat16()
    assert len(Classifier(inner, name="net").fingerprint()) == 64


class Views(nn.Module):
    """What many a tutorial does, and channels_last forbids."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)
        self.head = nn.Linear(4 * 36, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.conv(x).view(len(x), -1))


class ViewsOfPoints(nn.Module):
    """The same with 1 x 1 convolutions, whose weights lie alike in both layouts."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(channels, 8, 1), nn.Conv2d(8, 1, 1)
        self.head = nn.Linear(8 * 64 + 64, 2)

    def forward(self, x: Tensor) -> Tensor:
        many = self.first(x).relu()
        one = self.second(many)
        flat = [part.view(len(x), -1) for part in (many, one)]
        return self.head(torch.cat(flat, 1))


class Insists(Views):
    """A net with an operator that takes contiguous memory alone."""

    def forward(self, x: Tensor) -> Tensor:
        found = self.conv(x)
        if not found.is_contiguous():
            raise RuntimeError("expected a contiguous tensor")
        return self.head(found.flatten(1))


@pytest.mark.parametrize(
    ("inner", "channels"),
    [(Views(), 3), (ViewsOfPoints(1), 1), (ViewsOfPoints(3), 3), (Insists(), 3)],
)
def test_a_net_that_flattens_by_view_works(inner: nn.Module, channels: int) -> None:
    x = images(40, (channels, 8, 8))
    expected = inner(x).detach()
    classifier = Classifier(inner, name="net")
    first = classifier(x)
    torch.testing.assert_close(first, expected)
    for rows in (1, 3, 16, 24, 40):
        assert torch.equal(classifier(x[:rows]), first[:rows])
        last = x[:rows].to(memory_format=torch.channels_last)
        assert torch.equal(classifier(last), first[:rows])
        assert torch.equal(Classifier(inner, name="new")(last), first[:rows])


def test_full_batches_are_not_copied() -> None:
    seen: list[Tensor] = []
    classifier = Classifier(net(), name="net")
    classifier.net.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    x = images(32)
    classifier(x)
    assert seen[0].data_ptr() == x.data_ptr()


def test_half_precision_gives_float_logits() -> None:
    classifier = Classifier(net(), name="net")
    with torch.autocast("cpu", torch.bfloat16):
        assert classifier(images(2)).dtype == torch.float32
    assert classifier.double()(images(2).double()).dtype == torch.float64


def test_no_sample_no_logits() -> None:
    assert Classifier(net(), name="net")(images(0)).shape == (0, 10)


@pytest.mark.parametrize(("output", "told"), [((1, 2), "a tuple of 2"), ({"logits": 1}, "logits")])
def test_an_output_that_is_no_tensor(output: object, told: str) -> None:
    class Odd(nn.Module):
        def forward(self, x: Tensor) -> object:
            return output

    with pytest.raises(InputError, match=f"returns .*{told}.* not one tensor"):
        Classifier(Odd(), name="odd")(images(2))


def test_a_classifier_shows_its_normalisation_beside_its_net() -> None:
    found = repr(Classifier(nn.Flatten(), name="mine", classes=["a", "b"], mean=[0.5], std=[0.25]))
    assert "name='mine', n_classes=2, mean=[0.5], std=[0.25]" in found
    assert "Flatten" in found
