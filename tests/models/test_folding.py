"""Folding: a copy with equal predictions at lower cost, and an unchanged original model."""

import torch
from torch import Tensor, nn

from advkit.models.classifier import Classifier
from advkit.models.folding import folded
from advkit.models.nets import build

X = torch.rand(16, 1, 8, 8, generator=torch.Generator().manual_seed(0))


def settled(net: nn.Module) -> Classifier:
    """Return ``net`` with batch norms as after training: no two channels alike."""
    torch.manual_seed(1)
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            for tensor in (module.weight, module.bias, module.running_mean, module.running_var):
                assert isinstance(tensor, Tensor)
                tensor.data.uniform_(0.3, 1.7)
    return Classifier(net, name="net", mean=[0.3], std=[0.4])


def norms(model: Classifier) -> int:
    return sum(isinstance(module, nn.BatchNorm2d) for module in model.modules())


def test_the_twin_of_a_resnet_has_no_norm_left_and_answers_alike() -> None:
    model = settled(build("resnet", shape=(1, 8, 8), n_classes=10, width=4))
    before, sha = norms(model), model.fingerprint()
    twin = folded(model, X)
    assert twin is not None
    assert (before > 3, norms(twin), norms(model)) == (True, 0, before)
    assert model.fingerprint() == sha
    assert twin.n_classes == model.n_classes
    x, z = X.clone().requires_grad_(True), X.clone().requires_grad_(True)
    ours, theirs = model(x), twin(z)
    torch.testing.assert_close(theirs, ours, rtol=1e-4, atol=1e-5)
    slopes = [
        torch.autograd.grad(out.square().sum(), to)[0] for out, to in ((ours, x), (theirs, z))
    ]
    torch.testing.assert_close(slopes[1], slopes[0], rtol=1e-3, atol=1e-4)
    assert not any(p.requires_grad for p in twin.parameters())


def test_a_net_without_batch_norm_has_no_twin() -> None:
    assert folded(settled(build("cnn", shape=(1, 8, 8), n_classes=10, width=4)), X) is None


class Shared(nn.Module):
    """One convolution before two norms: what is folded into it for one is wrong for the other."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 4, 3)
        self.one, self.two = nn.BatchNorm2d(4), nn.BatchNorm2d(4)

    def forward(self, x: Tensor) -> Tensor:
        return (self.one(self.conv(x)) + 2 * self.two(self.conv(x))).flatten(1)[:, :5]


class Looks(Shared):
    """Where it goes depends on the values of its input: it cannot be traced."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) if x.sum() > 0 else super().forward(-x)


class Hides(Shared):
    """Its gradient is cut, which tracing would undo."""

    def forward(self, x: Tensor) -> Tensor:
        with torch.no_grad():
            seen = self.one(self.conv(x))
        return (seen * x.mean((1, 2, 3)).view(-1, 1, 1, 1)).flatten(1)[:, :5]


def test_what_would_answer_otherwise_is_not_used() -> None:
    for net in (Shared(), Looks(), Hides()):
        twin = folded(settled(net), X)
        assert twin is None, type(net).__name__
