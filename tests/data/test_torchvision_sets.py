import pickle
import struct
from pathlib import Path

import numpy as np
import pytest
import torch

from advkit.data import load_data
from advkit.errors import InputError, UsageError
from tests.models.malice import Mark


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A Fashion-MNIST of 6 training and 4 test images, as torchvision lays it out."""
    raw, random = tmp_path / "FashionMNIST" / "raw", np.random.default_rng(0)
    raw.mkdir(parents=True)
    for part, n in (("train", 6), ("t10k", 4)):
        x = random.integers(0, 256, (n, 28, 28), dtype=np.uint8)
        y = np.arange(n, dtype=np.uint8)
        images = struct.pack(">IIII", 0x803, n, 28, 28) + x.tobytes()
        (raw / f"{part}-images-idx3-ubyte").write_bytes(images)
        (raw / f"{part}-labels-idx1-ubyte").write_bytes(struct.pack(">II", 0x801, n) + y.tobytes())
    return tmp_path


@pytest.mark.parametrize(("split", "n"), [("train", 6), ("test", 4)])
def test_fashion_mnist(root: Path, split: str, n: int) -> None:
    data = load_data(f"torchvision:FashionMNIST?root={root}&split={split}")
    assert data.x.shape == (n, 1, 28, 28)
    assert data.x.dtype == torch.float32
    assert data.y.tolist() == list(range(n))
    assert data.ids[1] == f"FashionMNIST/{split}/1"
    assert (data.classes or ())[0] == "T-shirt/top"
    some = load_data(f"torchvision:FashionMNIST?root={root}&split={split}", limit=2)
    assert some.ids == data.ids[:2]


def test_nothing_is_downloaded(tmp_path: Path) -> None:
    for name in ("FashionMNIST", "CIFAR10", "SVHN", "STL10", "USPS"):
        with pytest.raises(InputError, match=f"cannot read {name} under {tmp_path}") as caught:
            load_data(f"torchvision:{name}?root={tmp_path}")
        assert "download=True)" in caught.value.hint
        assert "You can use" not in str(caught.value)


def test_batches_of_cifar_that_were_tampered_with(tmp_path: Path) -> None:
    mark, folder = tmp_path / "marker", tmp_path / "cifar-10-batches-py"
    folder.mkdir()
    for name in ("test_batch", "data_batch_1", "batches.meta"):
        (folder / name).write_bytes(pickle.dumps(Mark(mark)))
    with pytest.raises(InputError, match="cannot read CIFAR10"):
        load_data(f"torchvision:CIFAR10?root={tmp_path}")
    assert not mark.exists()


@pytest.mark.parametrize(
    ("spec", "told", "hint"),
    [
        ("torchvision:FashonMNIST?root=x", "no torchvision data", "did you mean FashionMNIST?"),
        ("torchvision:MNIST", "does not say where", "root=DIR"),
        ("torchvision:MNIST?root=x&split=val", "no split 'val'", ""),
        ("torchvision:MNIST?root=x&train=1", "no option 'train'", ""),
    ],
)
def test_unknown_names(spec: str, told: str, hint: str) -> None:
    with pytest.raises(UsageError, match=told) as caught:
        load_data(spec)
    assert hint in caught.value.hint


def test_photographs_are_read_one_by_one(tmp_path: Path) -> None:
    """A set of photographs of many sizes, as torchvision lays out EuroSAT: a folder per class."""
    from PIL import Image

    for i, name in enumerate(("Forest", "River", "Forest")):
        file = tmp_path / "eurosat" / "2750" / name / f"{i}.jpg"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (20 + 9 * i, 30), (80 * i, 0, 0)).save(file)
    data = load_data(f"torchvision:EuroSAT?root={tmp_path}&size=16")
    assert data.x.shape == (3, 3, 16, 16)
    assert data.y.tolist() == [0, 0, 1]
    assert data.classes == ("Forest", "River")
    assert (data.x[:, 0].mean((1, 2)) * 255).round().tolist() == pytest.approx([0, 160, 80], abs=2)
    some = load_data(f"torchvision:EuroSAT?root={tmp_path}&size=16", limit=2)
    assert some.ids == (data.ids[0], data.ids[2])
    with pytest.raises(UsageError, match="EuroSAT has no splits"):
        load_data(f"torchvision:EuroSAT?root={tmp_path}&split=test")
    with pytest.raises(InputError, match="cannot read Flowers102"):
        load_data(f"torchvision:Flowers102?root={tmp_path}")
