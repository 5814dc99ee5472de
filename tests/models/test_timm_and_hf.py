"""Nets of timm and transformers, with random weights saved by the test."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from advkit.errors import InputError, UnsafeError, UsageError
from advkit.models import load_model
from tests.models.malice import PAYLOADS, Mark

timm = pytest.importorskip("timm", reason="pip install timm")
transformers = pytest.importorskip("transformers", reason="pip install transformers")
X = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
SMALL = {"image_size": 32, "patch_size": 8, "hidden_size": 16, "num_hidden_layers": 1,
         "num_attention_heads": 2, "intermediate_size": 16, "num_labels": 5}  # fmt: skip


def normalised(x: torch.Tensor, mean: Any, std: Any) -> torch.Tensor:
    return (x - torch.tensor(mean).view(3, 1, 1)) / torch.tensor(std).view(3, 1, 1)


@pytest.mark.parametrize("suffix", ["safetensors", "pt"])
def test_timm_with_a_checkpoint(tmp_path: Path, suffix: str) -> None:
    net = timm.create_model("test_resnet", num_classes=7).eval()
    file = tmp_path / f"net.{suffix}"
    save = save_file if suffix == "safetensors" else torch.save
    save(net.state_dict(), file)
    model = load_model(f"timm:test_resnet?num_classes=7&checkpoint={file}")
    config = net.default_cfg
    torch.testing.assert_close(model(X), net(normalised(X, config["mean"], config["std"])))
    assert model.n_classes == 7
    assert model.shape == tuple(config["input_size"])


def test_timm_of_a_seed_is_the_same_again_and_another_of_another() -> None:
    one, again, other = (load_model(f"timm:test_resnet?seed={n}") for n in (1, 1, 2))
    assert torch.equal(one(X), again(X))
    assert not torch.equal(one(X), other(X))


@pytest.mark.parametrize(
    ("spec", "error", "told"),
    [
        ("timm:test_resnt", UsageError, "test_resnet"),
        ("timm:test_resnet?weights=DEFAULT&checkpoint=a", UsageError, "leave one out"),
        ("timm:test_resnet?wieghts=none", UsageError, "weights"),
        ("timm:test_resnet?checkpoint=missing.pt", InputError, "missing.pt"),
    ],
)
def test_timm_refuses(spec: str, error: type[Exception], told: str) -> None:
    with pytest.raises(error) as caught:
        load_model(spec)
    assert told in f"{caught.value} {caught.value.hint}"


def test_timm_lacking_weights_are_named(tmp_path: Path) -> None:
    state = timm.create_model("test_resnet", num_classes=7).state_dict()
    state.pop("fc.bias")
    save_file(state, tmp_path / "net.safetensors")
    with pytest.raises(InputError, match=r"fc\.bias"):
        load_model(f"timm:test_resnet?num_classes=7&checkpoint={tmp_path}/net.safetensors")


def vit(to: Path) -> Any:
    torch.manual_seed(0)
    net = transformers.ViTForImageClassification(transformers.ViTConfig(**SMALL)).eval()
    net.save_pretrained(to)
    about = {"do_normalize": True, "image_mean": [0.5] * 3, "image_std": [0.25] * 3,
             "size": {"height": 32, "width": 32}}  # fmt: skip
    (to / "preprocessor_config.json").write_text(json.dumps(about))
    return net


def test_a_folder_of_transformers(tmp_path: Path) -> None:
    net, model = vit(tmp_path), load_model(f"hf:{tmp_path}")
    wanted = net(pixel_values=normalised(X, [0.5] * 3, [0.25] * 3)).logits
    torch.testing.assert_close(model(X), wanted)
    assert (model.n_classes, model.shape) == (5, (3, 32, 32))


def test_without_a_processor_nothing_is_normalised_and_that_is_said(tmp_path: Path) -> None:
    net = vit(tmp_path)
    (tmp_path / "preprocessor_config.json").unlink()
    model = load_model(f"hf:{tmp_path}")
    torch.testing.assert_close(model(X), net(pixel_values=X).logits)
    assert any("normalisation" in note for note in model.notes)


def with_remote_code(folder: Path, mark: Mark) -> None:
    config = json.loads((folder / "config.json").read_text())
    config["auto_map"] = {"AutoModelForImageClassification": "own.Net"}
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "own.py").write_text(f"open({str(mark.path)!r}, 'w').write('executed')")


def with_foreign_kernels(folder: Path, mark: Mark) -> None:
    config = json.loads((folder / "config.json").read_text())
    config["vision_config"] = {"_attn_implementation_internal": f"somebody/kernels:{mark.path}"}
    (folder / "config.json").write_text(json.dumps(config))


def with_a_pickle_alone(folder: Path, mark: Mark) -> None:
    (folder / "model.safetensors").unlink()
    (folder / "pytorch_model.bin").write_bytes(PAYLOADS["net.pt"](mark))


def with_a_pickle_in_disguise(folder: Path, mark: Mark) -> None:
    (folder / "model.safetensors").write_bytes(PAYLOADS["net.pt"](mark))


def with_an_index_that_leaves_the_folder(folder: Path, mark: Mark) -> None:
    (folder.parent / "outside.bin").write_bytes(PAYLOADS["net.pt"](mark))
    index = {"weight_map": {"a": "../outside.bin"}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))


@pytest.mark.parametrize(
    "spoil",
    [
        with_remote_code,
        with_foreign_kernels,
        with_a_pickle_alone,
        with_a_pickle_in_disguise,
        with_an_index_that_leaves_the_folder,
    ],
)
def test_nothing_of_a_folder_is_executed(
    tmp_path: Path, spoil: Callable[[Path, Mark], None]
) -> None:
    folder, mark = tmp_path / "net", tmp_path / "marker"
    vit(folder)
    spoil(folder, Mark(mark))
    with pytest.raises(UnsafeError):
        load_model(f"hf:{folder}")
    assert not mark.exists()


def test_lost_and_foreign_folders_are_said(tmp_path: Path) -> None:
    with pytest.raises(InputError):
        load_model(f"hf:{tmp_path}")
    vit(tmp_path)
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(InputError, match=r"config\.json"):
        load_model(f"hf:{tmp_path}")


@pytest.mark.parametrize(
    ("said", "seen"),
    [
        ({"do_rescale": False, "do_normalize": False}, lambda x: 255 * x),
        ({"rescale_factor": 1 / 127.5, "rescale_offset": True, "do_normalize": False},
         lambda x: 2 * x - 1),
        ({"rescale_factor": 1 / 127.5}, lambda x: normalised(2 * x, [0.5] * 3, [0.25] * 3)),
        ({"do_normalize": False, "do_flip_channel_order": True}, lambda x: x.flip(1)),
    ],
)  # fmt: skip
def test_what_an_image_processor_says_of_scale_and_channels_is_done(
    tmp_path: Path, said: dict[str, Any], seen: Callable[[torch.Tensor], torch.Tensor]
) -> None:
    net, file = vit(tmp_path), tmp_path / "preprocessor_config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | said))
    wanted = net(pixel_values=seen(X)).logits
    torch.testing.assert_close(load_model(f"hf:{tmp_path}")(X), wanted, atol=1e-4, rtol=1e-4)


def test_random_weights_are_told_unless_they_were_asked_for() -> None:
    (note,) = load_model("timm:test_resnet").notes
    assert "random weights" in note
    assert load_model("timm:test_resnet?weights=none").notes == ()
    (note,) = load_model("torchvision:squeezenet1_1").notes
    assert "random weights" in note
