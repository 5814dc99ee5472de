"""torchvision:NAME as the model: weights from the cache, at random, and in a file."""

import io
from pathlib import Path

import pytest
import torch

from advkit.errors import InputError, UsageError
from advkit.models import input_shape, load_model, probe


def test_weights_of_torchvision_in_a_file_are_the_model(tmp_path: Path) -> None:
    (tmp_path / "mine.safetensors").touch()
    with pytest.raises(UsageError, match="weights in a file are given as the model") as caught:
        load_model(f"torchvision:resnet18?weights={tmp_path}/mine.safetensors")
    hint = caught.value.hint
    assert f"--model {tmp_path}/mine.safetensors --arch torchvision:resnet18" in hint


def test_torchvision_without_weights() -> None:
    spec = "torchvision:resnet18?weights=none&seed=3"
    model = load_model(spec, classes=["a", "b", "c"])
    assert model.classes == ("a", "b", "c")
    assert model.n_classes == 3
    assert input_shape(spec) == model.shape == (3, 224, 224)
    assert probe(model, torch.rand(2, 3, 32, 32), torch.tensor([0, 2])) == []
    assert load_model(spec, classes=["a", "b", "c"]).fingerprint() == model.fingerprint()
    other = load_model("torchvision:resnet18?seed=4", classes=["a", "b", "c"])
    assert other.fingerprint() != model.fingerprint()
    assert load_model("torchvision:squeezenet1_1?num_classes=7").n_classes == 7


def test_size_of_torchvision_nets_without_building_them() -> None:
    assert input_shape("torchvision:inception_v3") == (3, 299, 299)
    assert input_shape("torchvision:vit_b_16?weights=IMAGENET1K_SWAG_E2E_V1") == (3, 384, 384)


def test_torchvision_weights_that_are_not_in_the_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    with pytest.raises(InputError, match="not in the local cache") as caught:
        load_model("torchvision:resnet18?weights=DEFAULT")
    assert str(tmp_path / "hub/checkpoints/resnet18-f37072fd.pth") in caught.value.hint


def test_torchvision_weights_in_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from hashlib import sha256

    from torchvision import models

    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    net, stream = models.squeezenet1_1(), io.BytesIO()
    torch.save(net.state_dict(), stream)
    data = stream.getvalue()
    name = f"squeezenet1_1-{sha256(data).hexdigest()[:8]}.pth"
    weights = models.SqueezeNet1_1_Weights.DEFAULT
    monkeypatch.setattr(weights.value, "url", f"https://example.org/{name}")
    file = tmp_path / "hub/checkpoints" / name
    file.parent.mkdir(parents=True)
    file.write_bytes(data)
    model = load_model("torchvision:squeezenet1_1?weights=DEFAULT")
    assert len(model.classes or ()) == 1000
    assert torch.equal(model.net.state_dict()["features.0.weight"], net.features[0].weight)
