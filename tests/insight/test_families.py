"""One of each family of torchvision's classifiers, with random weights: correct, or rejected."""

import warnings

import pytest
import torch
from torch import nn
from torchvision import models

from advkit.engine.gradient import evaluate
from advkit.engine.objectives import class_score
from advkit.engine.relu import ruled
from advkit.errors import InapplicableError
from advkit.insight import Look, attribution
from advkit.insight.grids import last_map
from tests.insight.nets import noise

FAMILIES: dict[str, tuple[int, str, str]] = {
    "alexnet": (64, "", "avgpool"),
    "vgg11": (32, "", "avgpool"),
    "resnet18": (64, "", "layer4"),
    "densenet121": (64, "", "features"),
    "inception_v3": (107, "", "Mixed_7c"),
    "googlenet": (64, "", "inception5b"),
    "squeezenet1_1": (64, "", "classifier.2"),
    "mobilenet_v2": (64, "", "features"),
    "mobilenet_v3_small": (64, "hard swish", "features"),
    "efficientnet_b0": (64, "SiLU", "features"),
    "convnext_tiny": (64, "GELU", "features"),
    "regnet_x_400mf": (64, "", "trunk_output"),
    "regnet_y_400mf": (64, "", "trunk_output"),
    "mnasnet0_5": (64, "", "layers"),
    "shufflenet_v2_x0_5": (64, "", "conv5"),
    "vit_b_16": (64, "GELU", "encoder.layers.encoder_layer_11.ln_1"),
    "swin_t": (64, "GELU", "permute"),
    "swin_v2_t": (64, "GELU", "permute"),
    "maxvit_t": (64, "GELU", "blocks.3"),
}
"""By name: a size of images, what guided backprop is refused for, and the layer that CAMs read."""


def net_of(name: str, size: int) -> nn.Module:
    options = {"vit_b_16": {"image_size": size}, "inception_v3": {"init_weights": False},
               "googlenet": {"init_weights": False}}  # fmt: skip
    with torch.random.fork_rng(), warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        torch.manual_seed(0)
        net = small_maxvit() if name == "maxvit_t" else models.get_model(
            name, num_classes=5, **options.get(name, {}))  # fmt: skip
        for layer in [m for m in net.modules() if isinstance(m, nn.Linear | nn.Conv2d)]:
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")  # no score that is all 0
    return net.eval()


def small_maxvit() -> nn.Module:
    """Return maxvit_t for images of 64 pixels; that of torchvision takes none below 224."""
    return models.MaxVit((64, 64), 64, 2, [64, 128, 256, 512], [2, 2, 5, 2], 32, 0.2, num_classes=5)


@pytest.mark.parametrize("name", FAMILIES)
def test_every_family_is_right_or_refused(name: str) -> None:
    size, refused, layer = FAMILIES[name]
    net, x = net_of(name, size), noise(1, 3, size, size)
    score = class_score(net, torch.tensor([3]))
    plain = evaluate(score, x)
    found = attribution(net, x, 3)
    assert torch.equal(found, plain.gradient)
    assert found.any()
    for rule, method in (("deconvnet",) * 2, ("guided_backprop",) * 2):
        if refused:
            with pytest.raises(InapplicableError, match=refused):
                attribution(net, x, 3, method=method)
        else:
            point = evaluate(ruled(score, rule), x)
            assert torch.equal(point.value, plain.value)
            assert point.gradient.any()
            assert not torch.allclose(point.gradient, plain.gradient)
    assert last_map(Look(net, x, score)) == layer
    assert attribution(net, x, 3, method="hires_cam").any()
    if name.startswith("vit"):
        rollout = attribution(net, x, method="attention_rollout")
        assert rollout.shape == (1, size // 16, size // 16)
        assert 0 < rollout.sum() < 1  # the rest is the class token's
    else:
        with pytest.raises(InapplicableError, match="whole image"):
            attribution(net, x, method="attention_rollout")


def test_every_family_of_torchvision_is_listed() -> None:
    def stem(name: str) -> str:
        return "".join(c for c in name.partition("_")[0] if not c.isdigit())

    known = {stem(name) for name in models.list_models(module=models)}
    listed = {stem(name) for name in FAMILIES}
    assert known - listed == {"resnext", "wide"}  # resnext, wide_resnet: resnets
