"""Class activation maps against closed forms (insight, rows 3.11 and 3.12), grids and rollout."""

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from advkit.errors import InapplicableError, InputError, UsageError
from advkit.insight import METHODS, attribution, saliency
from advkit.insight.grids import Grid, grid_of
from advkit.models.classifier import Classifier
from advkit.models.nets import build
from tests.insight.nets import Pooled, noise, seeded

CAMS = ["grad_cam", "grad_cam_plus_plus", "hires_cam", "layer_cam", "xgrad_cam", "score_cam",
        "eigen_cam"]  # fmt: skip


def pooled() -> tuple[Pooled, Tensor, Tensor]:
    """Return a net, images, and its layer's maps A (n, channels, h, w)."""
    net, x = seeded(Pooled), noise(3, 3, 6, 8)
    return net, x, net.features(x).detach()


def test_grad_cam_is_cam_over_the_number_of_places() -> None:
    net, x, a = pooled()
    cam = torch.einsum("k,nkhw->nhw", net.head.weight[1].detach(), a) / 48
    found = attribution(net, x, 1, method="grad_cam", layer="features")
    assert torch.allclose(found, cam.clamp_min(0), atol=1e-6)
    assert (found > 0).any()
    raw = attribution(net, x, 1, method="hires_cam", layer="features")
    assert torch.allclose(raw, cam, atol=1e-6)
    total = net(x)[:, 1] - net.head.bias[1]
    assert torch.allclose(raw.sum((1, 2)), total, atol=1e-5)


def test_other_weights_are_their_formulas() -> None:
    net, x, a = pooled()
    w = net.head.weight[1].detach()
    g = (w / 48)[None, :, None, None].expand_as(a)
    layer = (g.clamp_min(0) * a).sum(1).clamp_min(0)
    assert torch.allclose(attribution(net, x, 1, method="layer_cam", layer="features"), layer)
    alpha = g**2 / (2 * g**2 + a.sum((2, 3), keepdim=True) * g**3)
    weights = (alpha * g.clamp_min(0)).sum((2, 3))
    plus = torch.einsum("nk,nkhw->nhw", weights, a).clamp_min(0)
    found = attribution(net, x, 1, method="grad_cam_plus_plus", layer="features")
    assert torch.allclose(found, plus, rtol=1e-4, atol=1e-6)
    # The gradient is the same at every place: XGrad-CAM weighs channels as Grad-CAM does.
    same = attribution(net, x, 1, method="grad_cam", layer="features")
    assert torch.allclose(attribution(net, x, 1, method="xgrad_cam", layer="features"), same,
                          atol=1e-6)  # fmt: skip


def test_score_cam_by_its_definition() -> None:
    net, x, a = pooled()
    low, high = a.amin((2, 3), keepdim=True), a.amax((2, 3), keepdim=True)
    masks = (a - low) / (high - low)
    rise = torch.stack([net(x * masks[:, k : k + 1])[:, 2] for k in range(5)], 1)
    weights = (rise - net(torch.zeros_like(x))[:, 2:3]).softmax(1)
    known = torch.einsum("nk,nkhw->nhw", weights, a).clamp_min(0).detach()
    found = attribution(net, x, 2, method="score_cam", layer="features")
    assert torch.allclose(found, known, atol=1e-5)


def test_score_cam_gives_a_flat_channel_no_weight() -> None:
    net, x, _ = pooled()
    net.features.weight.data[0].zero_()
    net.features.bias.data[0] = 100.0  # would outweigh all others if it counted
    found = attribution(net, x, 0, method="score_cam", layer="features")
    assert found.isfinite().all()
    assert found.max() < 50


def test_eigen_cam_is_the_first_principal_direction() -> None:
    net, x, a = pooled()
    found = attribution(net, x, method="eigen_cam", layer="features")
    for maps, one in zip(a, found, strict=True):
        flat = maps.flatten(1)  # (channels, places)
        values, vectors = torch.linalg.eigh(flat.T @ flat)
        assert one.norm().item() == pytest.approx(values[-1].sqrt().item(), rel=1e-4)
        cosine = F.cosine_similarity(one.flatten(), vectors[:, -1], dim=0)
        assert abs(cosine.item()) == pytest.approx(1, abs=1e-4)
        assert one.sum() >= 0


@pytest.mark.parametrize("method", CAMS)
def test_scale_shift_and_batch(method: str) -> None:
    net, x, _ = pooled()
    one = attribution(net, x, 1, method=method, layer="features")
    singles = [attribution(net, each[None], 1, method=method, layer="features") for each in x]
    assert torch.allclose(one, torch.cat(singles), atol=1e-6)
    net.head.bias.data += 3
    assert torch.allclose(attribution(net, x, 1, method=method, layer="features"), one, atol=1e-5)
    if method in ("grad_cam", "hires_cam", "layer_cam", "xgrad_cam"):
        net.head.weight.data *= 5
        found = attribution(net, x, 1, method=method, layer="features")
        assert torch.allclose(found, 5 * one, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("method", [m for m in METHODS if m not in ("attention_rollout", "rise")])
def test_a_classifier_gives_the_same_bits_in_every_batch(method: str) -> None:
    net = Classifier(seeded(lambda: build("cnn", shape=(1, 12, 12), n_classes=3), 2), name="small")
    x, ids = noise(11, 1, 12, 12), [str(i) for i in range(11)]
    short = "smooth_grad:draws=3" if method == "smooth_grad" else method
    whole = attribution(net, x, 1, method=short, ids=ids)
    parts = [
        attribution(net, x[a:b], 1, method=short, ids=ids[a:b])
        for a, b in ((0, 1), (1, 6), (6, 11))
    ]
    assert torch.equal(whole, torch.cat(parts))
    assert whole.any()


def test_evidence_against_the_class_only_is_drawn_as_nothing() -> None:
    net, x, _ = pooled()
    net.features.bias.data += 10
    net.head.weight.data.fill_(-1.0)
    found = saliency(net, x, 0, method="grad_cam", layer="features")
    assert not found.any()


@pytest.mark.parametrize(
    ("shape", "image", "known"),
    [
        ((512, 7, 7), (3, 224, 224), Grid("first", 7, 7)),
        ((7, 7, 768), (3, 224, 224), Grid("last", 7, 7)),
        ((197, 768), (3, 224, 224), Grid("tokens", 14, 14, 1)),
        ((49, 64), (1, 28, 28), Grid("tokens", 7, 7, 0)),
        ((128 + 5, 64), (3, 128, 256), Grid("tokens", 8, 16, 5)),
        ((64, 4, 8), (3, 128, 256), Grid("first", 4, 8)),
        ((512, 1, 1), (3, 224, 224), None),
        ((1000,), (3, 224, 224), None),
        ((1, 64), (3, 32, 32), None),
    ],
)
def test_a_layer_as_a_map(shape: tuple, image: tuple, known: Grid | None) -> None:
    assert grid_of(shape, image) == known


class Tokens(nn.Module):
    """Patches as tokens after a class token; the score is the mean of the patches."""

    def __init__(self) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, 5, 2, 2)
        self.first = nn.Parameter(torch.randn(1, 1, 5))
        self.tokens, self.head = nn.Identity(), nn.Linear(5, 4)

    def forward(self, x: Tensor) -> Tensor:
        """Return logits (n, 4)."""
        patches = self.patches(x).flatten(2).transpose(1, 2)
        tokens = self.tokens(torch.cat([self.first.expand(len(x), -1, -1), patches], 1))
        return self.head(tokens[:, 1:].mean(1))


def test_tokens_are_mapped_where_their_patches_lie() -> None:
    net, x = seeded(Tokens), noise(2, 3, 8, 8)
    direct = attribution(net, x, 1, method="hires_cam", layer="patches")
    assert torch.allclose(attribution(net, x, 1, method="hires_cam", layer="tokens"), direct)


def test_a_transformers_default_layer_is_one_that_the_score_sees() -> None:
    class ByToken(Tokens):
        def forward(self, x: Tensor) -> Tensor:
            """Return logits of the class token, into which the patches are mixed before."""
            patches = self.patches(x).flatten(2).transpose(1, 2)
            tokens = torch.cat([self.first.expand(len(x), -1, -1), patches], 1)
            mixed = self.tokens(tokens + tokens.mean(1, keepdim=True))
            return self.head(mixed[:, 0])

    net, x = seeded(ByToken), noise(2, 3, 8, 8)
    found = attribution(net, x, 1, method="hires_cam")
    assert torch.equal(found, attribution(net, x, 1, method="hires_cam", layer="patches"))
    assert found.any()


class OneHead(nn.Module):
    """One layer of attention whose weights are known: tokens attend by what they are."""

    def __init__(self) -> None:
        super().__init__()
        self.patches, self.head = nn.Conv2d(1, 3, 2, 2), nn.Linear(3, 2)

    def weights(self, x: Tensor) -> Tensor:
        tokens = self.patches(x).flatten(2).transpose(1, 2)
        return (tokens @ tokens.transpose(1, 2) / 3**0.5).softmax(-1)

    def forward(self, x: Tensor) -> Tensor:
        """Return logits (n, 2)."""
        tokens = self.patches(x).flatten(2).transpose(1, 2)[:, None]
        mixed = F.scaled_dot_product_attention(tokens, tokens, tokens)[:, 0]
        return self.head(mixed.mean(1))


def test_rollout_of_one_layer() -> None:
    net, x = seeded(OneHead), noise(3, 1, 8, 8)
    known = ((net.weights(x) + torch.eye(16)) / 2).mean(1).reshape(3, 4, 4).detach()
    found = attribution(net, x, method="attention_rollout")
    assert torch.allclose(found, known, atol=1e-6)
    assert torch.allclose(found.sum((1, 2)), torch.ones(3))


def test_rollout_reads_torchs_own_attention() -> None:
    class Torchs(OneHead):
        def __init__(self) -> None:
            super().__init__()
            self.attention = nn.MultiheadAttention(3, 1, batch_first=True)

        def forward(self, x: Tensor) -> Tensor:
            """Return logits (n, 2)."""
            tokens = self.patches(x).flatten(2).transpose(1, 2)
            mixed, _ = self.attention(tokens, tokens, tokens, need_weights=False)
            return self.head(mixed.mean(1))

    net, x = seeded(Torchs), noise(2, 1, 8, 8)
    tokens = net.patches(x).flatten(2).transpose(1, 2)
    _, weights = net.attention(tokens, tokens, tokens, need_weights=True)
    known = ((weights + torch.eye(16)) / 2).mean(1).reshape(2, 4, 4).detach()
    assert torch.allclose(attribution(net, x, method="attention_rollout"), known, atol=1e-6)


def test_what_is_no_map_is_refused() -> None:
    net, x, _ = pooled()
    for layer, error, words in (
        ("head", InapplicableError, "not a map"),
        ("featuers", UsageError, "no layer"),
    ):
        with pytest.raises(error, match=words):
            attribution(net, x, 1, method="grad_cam", layer=layer)
    flat = nn.Sequential(nn.Flatten(), nn.Linear(144, 3))
    with pytest.raises(InapplicableError, match="no layer of the net is a map"):
        attribution(flat, x, 1, method="grad_cam")
    with pytest.raises(InapplicableError, match="it has none"):
        attribution(net, x, method="attention_rollout")


def test_a_layer_that_is_called_twice_needs_its_call() -> None:
    class Reused(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.relu, self.spare = nn.Conv2d(3, 3, 3, padding=1), nn.ReLU(), nn.ReLU()
            self.head = nn.Linear(3, 2)

        def forward(self, x: Tensor) -> Tensor:
            """Return logits (n, 2)."""
            x = self.relu(self.conv(self.relu(self.conv(x))))
            return self.head(x.mean((2, 3)))

    net, x = seeded(Reused), noise(2, 3, 6, 6)
    for layer, words in (("relu", "called 2 times in a pass"), ("relu#2", "from #0"),
                         ("spare", "never called")):  # fmt: skip
        with pytest.raises(InputError, match=words):
            attribution(net, x, 1, method="hires_cam", layer=layer)
    first, second = (attribution(net, x, 1, method="hires_cam", layer=f"relu#{k}") for k in (0, 1))
    a = net.relu(net.conv(net.relu(net.conv(x))))
    known = torch.einsum("k,nkhw->nhw", net.head.weight[1], a) / 36
    assert torch.allclose(second, known, atol=1e-6)
    assert not torch.allclose(first, second, atol=1e-4)
