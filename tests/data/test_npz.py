import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from advkit.data import load_data
from advkit.errors import EmptyError, InputError, UnsafeError, UsageError

RANDOM = np.random.default_rng(0)


def written(folder: Path, **arrays: Any) -> str:
    path = folder / "set.npz"
    np.savez(path, **arrays)
    return f"npz:{path}"


def bytes_of(*shape: int) -> Any:
    return RANDOM.integers(0, 256, shape, dtype=np.uint8)


@pytest.mark.parametrize(
    ("shape", "query", "expected", "told"),
    [
        ((5, 9, 8), "", (5, 1, 9, 8), "height, width"),
        ((5, 3, 9, 8), "", (5, 3, 9, 8), "nchw"),
        ((5, 9, 8, 3), "", (5, 3, 9, 8), "nhwc"),
        ((5, 9, 8, 1), "", (5, 1, 9, 8), "nhwc"),
        ((5, 12, 9, 8), "", (5, 12, 9, 8), "nchw"),
        ((5, 3, 9, 3), "", (5, 3, 9, 3), "nchw"),
        ((5, 3, 9, 3), "?layout=nhwc", (5, 3, 3, 9), "nhwc"),
        ((5, 7), "", (5, 7), "flat"),
        ((5, 2, 9), "", (5, 1, 2, 9), "one channel"),
        ((5, 2, 9), "?layout=as_is", (5, 2, 9), "as they lie"),
        ((5, 1, 4, 4, 4), "?layout=as_is", (5, 1, 4, 4, 4), "as they lie"),
    ],
)
def test_layouts(
    tmp_path: Path, shape: tuple[int, ...], query: str, expected: tuple[int, ...], told: str
) -> None:
    x, y = bytes_of(*shape), np.arange(5)
    data = load_data(written(tmp_path, x=x, y=y) + query)
    assert data.x.shape == expected
    assert told in data.notes[0]
    same = torch.from_numpy(x).float() / 255
    back = data.x.movedim(1, 3) if told == "nhwc" else data.x.reshape(same.shape)
    assert torch.equal(back, same)
    assert data.x.is_contiguous()
    assert data.ids == ("set/0", "set/1", "set/2", "set/3", "set/4")


def test_names_limit_and_classes(tmp_path: Path) -> None:
    spec = written(tmp_path, images=bytes_of(4, 8, 8), k=np.uint8([1, 0, 1, 0]),
                   classes=np.array(["cat", "dog"]))  # fmt: skip
    data = load_data(f"{spec}?x=images&y=k", limit=3)
    assert data.classes == ("cat", "dog")
    assert data.y.tolist() == [1, 0, 0]
    assert data.y.dtype == torch.int64
    assert data.ids == ("set/0", "set/1", "set/3")
    with pytest.raises(InputError, match="no array 'x', but images, k, classes"):
        load_data(spec)
    with pytest.raises(UsageError, match="no option 'z'"):
        load_data(f"{spec}?z=images")
    with pytest.raises(UsageError, match="no layout 'chw'"):
        load_data(written(tmp_path, x=bytes_of(2, 3, 8, 8), y=np.arange(2)) + "?layout=chw")


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_floats_in_range(tmp_path: Path, dtype: Any) -> None:
    x = RANDOM.random((3, 8, 8)).astype(dtype)
    data = load_data(written(tmp_path, x=x, y=np.arange(3)))
    assert data.x.dtype == torch.float32
    assert torch.equal(data.x[:, 0], torch.from_numpy(x.astype(np.float32)))


def test_rounding_is_clamped_and_more_is_refused(tmp_path: Path) -> None:
    x = np.array([[-5e-7, 0.5, 1 + 5e-7]])
    assert load_data(written(tmp_path, x=x, y=[0])).x.tolist() == [[0, 0.5, 1]]
    with pytest.raises(InputError, match="range from -1e-05 to 0"):
        load_data(written(tmp_path, x=np.array([[-1e-5, 0.5]]), y=[0]))


@pytest.mark.parametrize(
    ("low", "high", "hint"),
    [(0, 254.5, "divide by 255"), (-1, 1, r"mean=0.5&std=0.5"), (-2.1, 2.6, "look normalised")],
)
def test_other_ranges(tmp_path: Path, low: float, high: float, hint: str) -> None:
    x = np.linspace(low, high, 64).reshape(1, 8, 8)
    with pytest.raises(InputError, match=f"range from {low:g} to {high:g}, not from 0 to 1") as e:
        load_data(written(tmp_path, x=x, y=[0]))
    assert hint in e.value.hint


@pytest.mark.parametrize(
    ("x", "told"),
    [
        (np.full((2, 8, 8), np.nan), "NaN or infinity, first in sample 0"),
        (np.zeros((2, 8, 8), np.int64), "are int64"),
        (np.zeros((2, 8, 8), bool), "are bool"),
        (np.zeros((2, 8, 8), complex), "are complex"),
        (np.zeros(2), r"shape \(2,\)"),
        (np.zeros((2, 3, 4, 5, 6)), "shape"),
    ],
)
def test_images_that_cannot_be_used(tmp_path: Path, x: Any, told: str) -> None:
    with pytest.raises(InputError, match=told):
        load_data(written(tmp_path, x=x, y=np.arange(2)))


@pytest.mark.parametrize(
    ("y", "told", "hint"),
    [
        (np.array([0, -1, -1]), r"2 labels .* below 0, first of samples 1 \(-1\), 2", "without a"),
        (np.array([-100, 0, 0]), r"1 labels .* 0 \(-100\)", ""),
        (np.array([0.0, 1.0, 2.0]), "are float64", "astype"),
        (np.array(["cat", "dog", "cat"]), "are text", "np.unique"),
        (np.array([True, False, True]), "are bool", ""),
        (np.eye(3, dtype=int), r"shape \(3, 3\)", "argmax"),
        (np.eye(3), r"shape \(3, 3\)", "argmax"),
        (np.ones((3, 2), dtype=int), r"shape \(3, 2\)", "not several at once"),
        (np.arange(4), "3 images, but 4 labels", ""),
    ],
)
def test_labels_that_cannot_be_used(tmp_path: Path, y: Any, told: str, hint: str) -> None:
    with pytest.raises(InputError, match=told) as caught:
        load_data(written(tmp_path, x=bytes_of(3, 8, 8), y=y))
    assert hint in caught.value.hint


def test_labels_beyond_the_names(tmp_path: Path) -> None:
    spec = written(tmp_path, x=bytes_of(2, 8, 8), y=[0, 2], classes=np.array(["a", "b"]))
    with pytest.raises(InputError, match="label 2, but names only 2 classes"):
        load_data(spec)


@pytest.mark.parametrize("key", ["x", "y", "classes"])
def test_object_arrays_are_not_opened(tmp_path: Path, key: str) -> None:
    arrays = {"x": bytes_of(2, 8, 8), "y": np.arange(2), "classes": np.array(["a", "b"])}
    arrays[key] = np.array([{}, []], dtype=object)
    with pytest.raises(UnsafeError, match=f"array '{key}' .* object array"):
        load_data(written(tmp_path, **arrays))


def test_no_sample(tmp_path: Path) -> None:
    with pytest.raises(EmptyError, match="no sample"):
        load_data(written(tmp_path, x=np.zeros((0, 8, 8)), y=np.zeros(0, int)))


def test_a_small_file_that_claims_to_be_large(tmp_path: Path) -> None:
    header, path = io.BytesIO(), tmp_path / "bomb.npz"
    claim = {"descr": "|u1", "fortran_order": False, "shape": (10**6, 500, 500)}
    np.lib.format.write_array_header_1_0(header, claim)
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("x.npy", header.getvalue())
        file.writestr("y.npy", header.getvalue())
    with pytest.raises(InputError, match="needs 250,000,000,000 bytes"):
        load_data(f"npz:{path}")


def test_corrupt_files(tmp_path: Path) -> None:
    spec = written(tmp_path, x=bytes_of(20, 8, 8), y=np.arange(20))
    path = Path(spec.removeprefix("npz:"))
    data = bytearray(path.read_bytes())
    data[300] ^= 255
    path.write_bytes(data)
    with pytest.raises(InputError, match=r"array 'x' .* is corrupt"):
        load_data(spec)
    path.write_bytes(data[:200])
    with pytest.raises(InputError, match="truncated zip"):
        load_data(spec)
    path.write_bytes(b"\x93NUMPY")
    with pytest.raises(InputError, match="is not an npz file"):
        load_data(spec)
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("x.npy", b"nonsense")
    with pytest.raises(InputError, match=r"array 'x' .* is corrupt"):
        load_data(spec)
    with pytest.raises(InputError, match="does not exist"):
        load_data(f"npz:{tmp_path}/none.npz")


def test_examples_of_an_attack_are_taken_with_their_names(tmp_path: Path) -> None:
    x, y, ids = bytes_of(3, 1, 9, 8), [0, 1, 2], np.array(["set/7", "set/1", "set/4"])
    data = load_data(written(tmp_path, x_adv=x, y=y, ids=ids))
    assert data.ids == ("set/7", "set/1", "set/4")
    assert torch.equal(data.x, torch.from_numpy(x).float() / 255)
    both = load_data(written(tmp_path, x=255 - x, x_adv=x, y=y, ids=ids))
    assert torch.equal(both.x, torch.from_numpy(255 - x).float() / 255)


@pytest.mark.parametrize("ids", [["a", "a", "b"], ["a", "b"], [1, 2, 3]])
def test_names_that_name_nothing_are_not_taken(tmp_path: Path, ids: list[Any]) -> None:
    data = load_data(written(tmp_path, x=bytes_of(3, 9, 8), y=[0, 1, 2], ids=np.array(ids)))
    assert data.ids == ("set/0", "set/1", "set/2")
