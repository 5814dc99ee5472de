import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from advkit.data import load_data
from advkit.errors import AdvkitError, InputError, UnsafeError
from advkit.models import input_shape, load_model
from advkit.models.load_gate import read_gated
from advkit.models.weights_file import read_weights
from tests.models.malice import PAYLOADS, Mark, object_array

LOADERS: dict[str, Callable[[str], Any]] = {
    "weights": lambda path: load_model(path),
    "weights with --arch": lambda path: load_model(path, arch="cnn?shape=1,28,28&n_classes=10"),
    "shape of weights": lambda path: input_shape(path),
    "python file": lambda path: load_model(f"{path}.py:make"),
    "arch in a python file": lambda path: load_model(good_weights(path), arch=f"{path}.py:make"),
    "npz": lambda path: load_data(f"npz:{path}"),
    "checkpoint of timm": lambda path: load_model(f"timm:test_resnet?checkpoint={path}"),
    "named as ONNX": lambda path: load_model(renamed(path, "onnx")),
    "named as skops": lambda path: load_model(renamed(path, "skops")),
    "preprocessing": lambda path: load_model(
        f"bundled:fashion-mnist-cnn?preprocess={renamed(path, 'toml')}"
    ),
    "service": lambda path: load_model(f"endpoint:{renamed(path, 'toml')}"),
}


def renamed(path: str, suffix: str) -> str:
    return str(Path(path).rename(Path(path).with_suffix(f".{suffix}")))


def good_weights(beside: str) -> str:
    path = str(Path(beside).parent / "good.safetensors")
    save_file({"weight": torch.zeros(2, 2)}, path)
    return path


@pytest.mark.parametrize("name", PAYLOADS)
@pytest.mark.parametrize("loader", LOADERS)
def test_no_loader_executes_what_it_is_given(tmp_path: Path, loader: str, name: str) -> None:
    mark, path = tmp_path / "marker", tmp_path / name
    path.write_bytes(PAYLOADS[name](Mark(mark)))
    (tmp_path / f"{name}.py").write_bytes(path.read_bytes())
    with pytest.raises(AdvkitError) as caught:
        LOADERS[loader](str(path))
    assert not mark.exists()
    assert caught.value.exit_code == 4, str(caught.value)
    assert "not opened" in str(caught.value)
    assert caught.value.hint


@pytest.mark.parametrize("name", PAYLOADS)
def test_the_cache_of_torchvision_is_not_trusted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    mark, file = tmp_path / "marker", tmp_path / "hub/checkpoints/resnet18-f37072fd.pth"
    file.parent.mkdir(parents=True)
    file.write_bytes(PAYLOADS[name](Mark(mark)))
    with pytest.raises(UnsafeError, match="checksum"):
        load_model("torchvision:resnet18?weights=DEFAULT")
    assert not mark.exists()


def test_an_npz_with_an_object_array(tmp_path: Path) -> None:
    mark, path = tmp_path / "marker", tmp_path / "data.npz"
    path.write_bytes(object_array(Mark(mark)))
    with pytest.raises(UnsafeError, match="object array"):
        load_data(f"npz:{path}")
    assert not mark.exists()


def test_the_payloads_do_work(tmp_path: Path) -> None:
    mark, path = tmp_path / "marker", tmp_path / "net.pt"
    path.write_bytes(PAYLOADS["net.pt"](Mark(mark)))
    torch.load(path, weights_only=False)
    assert mark.read_text() == "executed"


def whole(path: Path) -> bytes:
    save_file({"weight": torch.zeros(30, 30), "bias": torch.zeros(30)}, path)
    return path.read_bytes()


def zip_without_its_end(path: Path) -> bytes:
    torch.save({"weight": torch.zeros(9)}, path)
    return path.read_bytes()[:200]


BAD: dict[str, tuple[Callable[[Path], bytes], str]] = {
    "empty": (lambda path: b"", r"is empty \(0 bytes\)"),
    "html": (lambda path: b"\n<!DOCTYPE html><html>404</html>", "HTML page"),
    "lfs": (lambda path: b"version https://git-lfs.github.com/spec/v1\noid", "Git LFS pointer"),
    "truncated zip": (zip_without_its_end, "truncated zip"),
    "truncated tensors": (lambda path: whole(path)[:-9], "truncated: its header promises"),
    "truncated header": (lambda path: whole(path)[:40], "truncated: its header alone"),
    "no header": (lambda path: b"\x01\x02" * 40, "not a safetensors file"),
    "one byte": (lambda path: b"{", "not a safetensors file"),
    "header too large": (lambda path: b"\xff" * 7 + b"\x00{" + bytes(50), "not a safetensors"),
    "no table": (lambda path: (9).to_bytes(8, "little") + b"{nonsense" + bytes(9), "corrupt"),
    "list": (lambda path: (2).to_bytes(8, "little") + b"{}" + bytes(9), "corrupt|do not|not say"),
}


@pytest.mark.parametrize("name", BAD)
def test_files_that_are_no_model(tmp_path: Path, name: str) -> None:
    make, told = BAD[name]
    path = tmp_path / "net.safetensors"
    path.write_bytes(make(path))
    with pytest.raises(InputError, match=told):
        load_model(str(path))


def test_a_missing_file_and_its_neighbours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "robust.safetensors").write_bytes(b"x")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(
        InputError, match=rf"robst.safetensors does not exist .*{tmp_path}"
    ) as caught:
        load_model("robst.safetensors")
    assert caught.value.hint == "near it: robust.safetensors"
    with pytest.raises(InputError, match="does not exist") as caught:
        load_model("nowhere/net.safetensors")
    assert "directory nowhere does not exist" in caught.value.hint


@pytest.mark.parametrize("magic", [b"\x80\x02", b"PK", b"\x1f\x8b", b"\x78\x9c", b"\x5d\0"])
def test_a_table_whose_length_looks_like_something_else(tmp_path: Path, magic: bytes) -> None:
    size, path = int.from_bytes(magic, "little"), tmp_path / "net.safetensors"
    table = json.dumps({"w": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}})
    path.write_bytes(size.to_bytes(8, "little") + table.ljust(size).encode() + bytes(8))
    assert read_weights(path).tensors["w"].tolist() == [0, 0]


def test_a_directory_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="directory"):
        read_gated(tmp_path)


@pytest.mark.parametrize("about", ["{", "[1]", json.dumps({"arch": "cnn"})])
def test_a_broken_description(tmp_path: Path, about: str) -> None:
    path = tmp_path / "net.safetensors"
    save_file({"weight": torch.zeros(2)}, path, {"advkit": about})
    with pytest.raises(InputError, match="'advkit' entry"):
        load_model(str(path))
