import gzip
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from advkit.data import load_data
from advkit.data.stratified import chosen
from advkit.errors import EmptyError, UsageError

SHARED = Path(__file__).parents[3] / "shared" / "data" / "fashion_mnist" / "test_0000_1999.npz"
DEBIAN = Path("/usr/share/datasets/fashion-mnist/t10k-images-idx3-ubyte.gz")


def test_fashion_mnist() -> None:
    data = load_data("bundled:fashion-mnist")
    assert data.x.shape == (1000, 1, 28, 28)
    assert data.x.dtype == torch.float32
    assert (data.x.min(), data.x.max()) == (0, 1)
    assert data.y.dtype == torch.int64
    assert data.y.bincount().tolist() == [107, 105, 111, 93, 115, 87, 97, 95, 95, 95]
    assert (data.classes or ())[9] == "Ankle boot"
    assert len(set(data.ids)) == 1000
    assert data.name == "bundled:fashion-mnist"


@pytest.mark.skipif(not SHARED.exists(), reason="the shared copy of Fashion-MNIST is not here")
def test_fashion_mnist_is_the_shared_copy() -> None:
    data = load_data("bundled:fashion-mnist")
    with np.load(SHARED) as arrays:
        assert np.array_equal((data.x[:, 0] * 255).round().numpy(), arrays["x"][:1000])
        assert np.array_equal(data.y.numpy(), arrays["y"][:1000])
        assert list(data.classes or ()) == arrays["classes"].tolist()


@pytest.mark.skipif(not DEBIAN.exists(), reason="Debian's dataset-fashion-mnist is not installed")
def test_fashion_mnist_is_debians() -> None:
    original = np.frombuffer(gzip.decompress(DEBIAN.read_bytes()), np.uint8, offset=16)
    data = load_data("bundled:fashion-mnist")
    assert np.array_equal((data.x.flatten() * 255).round().numpy(), original[: 1000 * 784])


def test_bundled_files_are_small_and_carry_their_licence() -> None:
    folder = Path(str(files("advkit.data.bundled")))
    assert (folder / "fashion-mnist.npz").stat().st_size < 500_000
    assert "Zalando" in (folder / "fashion-mnist-licence.txt").read_text()
    assert "Kaynak" in (folder / "digits-licence.txt").read_text()
    weights = Path(str(files("advkit.models.bundled"))).glob("*.safetensors")
    assert sum(file.stat().st_size for file in weights) < 5_000_000


def test_digits_are_those_of_scikit_learn() -> None:
    found, data = load_digits(), load_data("bundled:digits?split=all")
    assert np.array_equal(data.x[:, 0].numpy(), found.images / 16)
    assert np.array_equal(data.y.numpy(), found.target)


def test_digits_are_split_so_that_training_and_audit_do_not_meet() -> None:
    parts = {
        split: load_data(f"bundled:digits?split={split}") for split in ("train", "test", "all")
    }
    assert [len(parts[split].x) for split in ("train", "test", "all")] == [1437, 360, 1797]
    assert not set(parts["train"].ids) & set(parts["test"].ids)
    assert parts["train"].ids + parts["test"].ids == parts["all"].ids
    assert parts["all"].x.shape[1:] == (1, 8, 8)
    assert load_data("bundled:digits").ids == parts["test"].ids
    assert (parts["all"].x.min(), parts["all"].x.max()) == (0, 1)


@pytest.mark.parametrize("spec", ["bundled:fashion-mnist", "bundled:digits"])
def test_ids_do_not_depend_on_the_limit(spec: str) -> None:
    whole, some = load_data(spec), load_data(spec, limit=7)
    at = [whole.ids.index(name) for name in some.ids]
    assert at == sorted(at)
    assert torch.equal(some.x, whole.x[at])
    assert torch.equal(some.y, whole.y[at])
    assert len(load_data(spec, limit=10**6).x) == len(whole.x)


@pytest.mark.parametrize("limit", [1, 7, 50, 99])
def test_a_limit_leaves_every_class_its_share(limit: int) -> None:
    labels = [0] * 60 + [1] * 30 + [2] * 10
    kept = [labels[i] for i in chosen(labels, limit)]
    assert len(kept) == limit
    for name in range(3):
        assert abs(kept.count(name) - limit * labels.count(name) / 100) < 1


@pytest.mark.parametrize(
    ("spec", "told", "hint"),
    [
        ("bundled:fashion-mist", "no bundled data", "did you mean fashion-mnist?"),
        ("bundle:digits", "unknown scheme 'bundle'", "did you mean bundled?"),
        ("digits", "has no scheme", "did you mean bundled:digits?"),
        ("nothing", "unknown scheme ''", "bundled:digits"),
        ("bundled:digits?split=val", "no split 'val'", "test"),
        ("bundled:digits?spilt=test", "no option 'spilt'", "did you mean split?"),
        ("bundled:fashion-mnist?split=train", "no option 'split'", ""),
        ("imagefolder:here?size=a", "size=a", ""),
        ("imagefolder:here?crop=2", "crop=2", "at most 1"),
    ],
)
def test_unknown_names(spec: str, told: str, hint: str) -> None:
    with pytest.raises(UsageError, match=told) as caught:
        load_data(spec)
    assert hint in caught.value.hint


def test_limits() -> None:
    with pytest.raises(EmptyError, match="limit 0"):
        load_data("bundled:digits", limit=0)
    with pytest.raises(UsageError, match="limit -1"):
        load_data("bundled:digits", limit=-1)
