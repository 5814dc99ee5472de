from pathlib import Path

import pytest

from advkit.data import load_data
from advkit.errors import InputError, UnsafeError, UsageError

CODE = """
import numpy as np
import torch
from PIL import Image

class Pairs:
    classes = ["a", "b"]
    def __init__(self, n, kind):
        self.n, self.kind = n, kind
    def __len__(self):
        return self.n
    def __getitem__(self, i):
        if i >= self.n:
            raise IndexError(i)
        image = np.full((6, 5, 3), 10 * i, np.uint8)
        if self.kind == "tensor":
            return torch.from_numpy(image).permute(2, 0, 1) / 255, torch.tensor(i % 2)
        return Image.fromarray(image), i % 2

def pairs(n=4, kind="pil"):
    return Pairs(n, kind)

def photographs():
    return [(Image.new("RGB", (20 + i, 30), (50 * i, 0, 0)), i % 2) for i in range(5)]

def mixed():
    return [(Image.new("RGB", (20, 30)), 0), (Image.new("RGB", (21, 30)), 0), ("text", 0)]

def arrays():
    return np.random.rand(6, 1, 4, 4), np.arange(6) % 3

def samples():
    from advkit.data import load_data
    return load_data("bundled:digits", limit=5)

def normalised():
    return np.random.randn(6, 1, 4, 4), np.arange(6) % 3

def sizes():
    return [(np.zeros((1, 4, i), np.uint8), 0) for i in (4, 5)]

def texts():
    return [(np.zeros((1, 4, 4), np.uint8), "cat")]

def objects():
    return np.array([None]), np.array([0])

def nothing():
    return None

def broken():
    raise ValueError("no such file")

def empty():
    return []
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    place = tmp_path / "mine.py"
    place.write_text(CODE)
    return place


@pytest.mark.parametrize("kind", ["pil", "tensor"])
def test_pairs(file: Path, kind: str) -> None:
    data = load_data(f"{file}:pairs?n=6&kind={kind}")
    assert data.x.shape == (6, 3, 6, 5)
    assert [round(v) for v in (data.x.amax((1, 2, 3)) * 255).tolist()] == [0, 10, 20, 30, 40, 50]
    assert data.y.tolist() == [0, 1, 0, 1, 0, 1]
    assert data.classes == ("a", "b")
    few = load_data(f"{file}:pairs?n=6", limit=3)
    assert few.ids == ("pairs/0", "pairs/1", "pairs/2")


def test_arrays_are_the_same_in_every_run(file: Path) -> None:
    first, second = (load_data(f"{file}:arrays") for _ in range(2))
    assert first.x.equal(second.x)
    assert first.y.tolist() == [0, 1, 2, 0, 1, 2]


def test_samples(file: Path) -> None:
    assert len(load_data(f"{file}:samples").x) == 5


def test_a_module(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(file.parent))
    assert len(load_data("mine:pairs").x) == 4


@pytest.mark.parametrize(
    ("name", "error", "told"),
    [
        ("normalised", InputError, "not from 0 to 1"),
        ("sizes", InputError, "several sizes: 1 x 4 x 4, 1 x 4 x 5"),
        ("texts", InputError, "labels .* are text"),
        ("objects", UnsafeError, "object array"),
        ("nothing", InputError, "gave a NoneType"),
        ("broken", InputError, "no such file"),
        ("pears", InputError, "no 'pears' in it"),
        ("pairs?m=3", InputError, "unexpected keyword"),
    ],
)
def test_what_cannot_be_used(file: Path, name: str, error: type[Exception], told: str) -> None:
    with pytest.raises(error, match=told):
        load_data(f"{file}:{name}")


def test_a_misspelt_scheme_is_no_module() -> None:
    with pytest.raises(UsageError, match="unknown scheme 'imagefoldr'"):
        load_data("imagefoldr:photos")


def test_photographs_of_many_sizes_are_brought_to_one(file: Path) -> None:
    data = load_data(f"{file}:photographs", shape=(3, 8, 8))
    assert data.x.shape == (5, 3, 8, 8)
    assert (data.x[:, 0, 4, 4] * 255).round().tolist() == [0, 50, 100, 150, 200]
    assert data.y.tolist() == [0, 1, 0, 1, 0]
    assert load_data(f"{file}:photographs", shape=(3, 8, 8), limit=2).ids == (
        data.ids[0], data.ids[4],
    )  # fmt: skip
    assert load_data(f"{file}:pairs", shape=(3, 8, 8)).x.shape == (4, 3, 8, 8)
    assert load_data(f"{file}:pairs", shape=(3, 6, 5)).x.shape == (4, 3, 6, 5)
    with pytest.raises(InputError, match=r"item 2 of .* is a str, not a picture"):
        load_data(f"{file}:mixed", shape=(3, 8, 8))
