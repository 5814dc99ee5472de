from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
from PIL import Image
from torch.utils.data import DataLoader, TensorDataset

from advkit.data import Samples
from advkit.data.python_data import given, name_of_data
from advkit.errors import AdvkitError, EmptyError, InputError

X = torch.rand(6, 1, 8, 8, generator=torch.Generator().manual_seed(0))
Y = torch.tensor([0, 1, 2, 0, 1, 2])


def mine(**other: Any) -> Samples:
    base = Samples(X, Y, tuple("abcdef"), None, "mine")
    return base._replace(**other)


@pytest.mark.parametrize(
    "data",
    [
        (X, Y), (X.numpy(), Y.numpy()), (X.numpy().transpose(0, 2, 3, 1), Y.int()),
        (list(X), Y.tolist()), [(x, int(y)) for x, y in zip(X, Y, strict=True)],
        TensorDataset(X, Y), DataLoader(TensorDataset(X, Y), batch_size=4, shuffle=True),
    ],
)  # fmt: skip
def test_the_same_samples_come_of_all_that_python_has_at_hand(data: Any) -> None:
    found = given(data, None)
    assert found.x.equal(X)
    assert found.y.equal(Y)
    assert found.ids[1] == f"{name_of_data(data)}/1"


def test_photographs_are_brought_to_the_size_of_the_model() -> None:
    photographs = [Image.new("RGB", (20 + i, 30)) for i in range(3)]
    assert given((photographs, [0, 1, 0]), None, (3, 8, 8)).x.shape == (3, 3, 8, 8)


@pytest.mark.parametrize(
    "other",
    [
        {"x": X.numpy()}, {"x": X.double()}, {"x": X.clone().requires_grad_()}, {"y": Y.int()},
        {"y": Y.numpy()}, {"ids": list("abcdef")},
    ],
)  # fmt: skip
def test_samples_made_by_hand_are_brought_to_one_form(other: dict[str, Any]) -> None:
    found = given(mine(**other), None)
    assert (found.x.dtype, found.y.dtype) == (torch.float32, torch.int64)
    assert found.x.equal(X)
    assert found.y.equal(Y)
    assert found.ids == tuple("abcdef")


def test_ids_that_are_numbers_become_text() -> None:
    assert given(mine(ids=range(6)), None).ids == tuple("012345")


def test_a_limit_counts_for_samples_too() -> None:
    assert given(mine(), 3).ids == ("a", "b", "c")
    with pytest.raises(EmptyError, match="limit 0 leaves nothing of mine"):
        given(mine(), 0)


@pytest.mark.parametrize(
    ("other", "told"),
    [
        ({"ids": ("a", "b")}, "6 images, but 2 ids"),
        ({"ids": ("a",) * 6}, "the id 'a' more than once"),
        ({"y": Y[:5]}, "6 images, but 5 labels"),
        ({"y": Y - 1}, "below 0"),
        ({"y": Y.float()}, "are float32, not whole numbers"),
        ({"y": torch.eye(6)[Y].long()}, r"have shape \(6, 6\)"),
        ({"x": X * 255}, "not from 0 to 1"),
        ({"x": X.log()}, "not from 0 to 1"),
        ({"x": X / 0}, "hold NaN or infinity, first in sample 0"),
    ],
)
def test_samples_that_cannot_be_meant_are_refused(other: dict[str, Any], told: str) -> None:
    with pytest.raises(InputError, match=told):
        given(mine(**other), None)


@pytest.mark.parametrize("data", [{"x": X}, Path("x.npz"), 3, [], (list(X), [0])])
def test_what_is_no_data_is_refused_in_one_line(data: Any) -> None:
    with pytest.raises(AdvkitError) as caught:
        given(data, None)
    assert caught.value.hint


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (X, "Tensor"), ([X, Y], "Tensor"), (X.numpy(), "ndarray"),
        (pd.DataFrame(X.flatten(1).numpy()), "Series"),
        ([{"image": X[0], "label": 0}, {"image": X[1], "label": 1}], "dict"),
    ],
)  # fmt: skip
def test_items_that_are_no_pairs_are_named(data: Any, kind: str) -> None:
    with pytest.raises(InputError, match=rf"items of type {kind}, not \(image, label\) pairs"):
        given(data, None)
