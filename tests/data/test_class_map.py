import json
from pathlib import Path

import numpy as np
import pytest
import torch

from advkit.api.pairing import paired
from advkit.data import load_data
from advkit.data.class_map import numbered, read_class_map
from advkit.errors import InputError
from advkit.evaluate.class_names import class_notes
from advkit.models import Classifier, probe
from tests.data.pictures import folders, names_of


@pytest.mark.parametrize(
    "text",
    ["emu\ncat\ndog\n", "\ufeffemu\r\ncat\r\ndog", json.dumps({"cat": 1, "dog": 2, "emu": 0}),
     "class,label\ncat,1\ndog,2\nemu,0\n"],
)  # fmt: skip
def test_a_model_trained_in_another_order(tmp_path: Path, text: str) -> None:
    root, file = folders(tmp_path / "photos"), tmp_path / "order.txt"
    file.write_text(text, encoding="utf-8")
    data = load_data(f"imagefolder:{root}?size=8&class_map={file}")
    plain = load_data(f"imagefolder:{root}?size=8")
    assert plain.classes == ("cat", "dog", "emu")
    assert data.classes == ("emu", "cat", "dog")
    assert data.ids == plain.ids
    assert [data.classes[i] for i in data.y] == names_of(data)
    assert data.y.tolist() == [{0: 1, 1: 2, 2: 0}[int(i)] for i in plain.y]


def test_classes_that_share_a_number_and_numbers_without_a_class(tmp_path: Path) -> None:
    root, file = folders(tmp_path / "photos"), tmp_path / "order.json"
    file.write_text('{"cat": 3, "dog": 3, "emu": 0}')
    data = load_data(f"imagefolder:{root}?size=8&class_map={file}")
    assert data.classes == ("emu", "class 1", "class 2", "cat")
    assert sorted(data.y.tolist()) == [0, 0, 3, 3, 3, 3]


def test_arrays_are_renumbered_by_their_names_or_numbers(tmp_path: Path) -> None:
    file, order = tmp_path / "a.npz", tmp_path / "order.json"
    arrays = {"x": np.zeros((4, 2, 2), np.uint8), "y": [0, 2, 1, 2]}
    np.savez(file, **arrays)
    order.write_text('{"0": 4, "1": 0, "2": 1}')
    data = load_data(f"npz:{file}?class_map={order}")
    assert (data.y.tolist(), data.classes) == ([4, 1, 0, 1], ("1", "2", "class 2", "class 3", "0"))
    np.savez(file, **arrays, classes=["cat", "dog", "emu"])
    order.write_text("dog\nemu\ncat\n")
    data = load_data(f"npz:{file}?class_map={order}")
    assert (data.y.tolist(), data.classes) == ([2, 1, 0, 1], ("dog", "emu", "cat"))
    order.write_text("dog\ncat\n")
    with pytest.raises(InputError, match="does not say which class 'emu'"):
        load_data(f"npz:{file}?class_map={order}")


@pytest.mark.parametrize(("classes", "fits"), [(5, True), (3, True), (2, False)])
def test_a_map_may_lack_the_last_classes_of_the_model(
    tmp_path: Path, classes: int, fits: bool
) -> None:
    root, file = folders(tmp_path / "photos"), tmp_path / "order.json"
    file.write_text('{"cat": 2, "dog": 0, "emu": 2}')
    (tmp_path / "net.py").write_text(
        f"from torch import nn\ndef make():\n"
        f"    return nn.Sequential(nn.Flatten(), nn.Linear(192, {classes}))\n"
    )
    words = f"{tmp_path}/net.py:make", f"imagefolder:{root}?size=8"
    data, model = paired(words[0], f"{words[1]}&class_map={file}", None, None, None)
    if not fits:
        with pytest.raises(InputError, match=f"{classes} outputs, but there are 3 class names"):
            probe(model, data.x, data.y)
        return
    probe(model, data.x, data.y)
    assert model.classes == ("dog", "class 1", "cat", "class 3", "class 4")[:classes]
    assert class_notes(model, data) == []
    plain, other = paired(*words, None, None, None)
    if classes == 5:
        with pytest.raises(InputError, match="5 outputs, but there are 3 class names"):
            probe(other, plain.x, plain.y)


def test_a_map_of_some_classes_beside_a_model_that_names_all(tmp_path: Path) -> None:
    root, file = folders(tmp_path / "photos"), tmp_path / "order.json"
    net = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(192, 5))
    model = Classifier(net, name="net", classes=("ant", "cat", "dog", "emu", "gnu"))
    file.write_text('{"cat": 1, "dog": 2, "emu": 3}')
    assert class_notes(model, load_data(f"imagefolder:{root}?size=8&class_map={file}")) == []
    file.write_text('{"cat": 2, "dog": 1, "emu": 3}')
    with pytest.raises(InputError, match="the same in another order"):
        class_notes(model, load_data(f"imagefolder:{root}?size=8&class_map={file}"))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("cat\ndog\ncat", "appears twice"),
        ('{"cat": -1}', "below 0"),
        ('{"cat": "x"}', "not a valid class map"),
        ("name,number\ncat,1", "not a valid class map"),
        ("", "names no class"),
        ("cat\ndgo\nemu", "does not say which class 'dog'"),
    ],
)
def test_maps_that_cannot_be_used(tmp_path: Path, text: str, told: str) -> None:
    root, file = folders(tmp_path / "photos"), tmp_path / "order.txt"
    file.write_text(text)
    with pytest.raises(InputError, match=told):
        load_data(f"imagefolder:{root}?size=8&class_map={file}")


def test_without_a_map() -> None:
    assert numbered(["2", "0"], None, "x") == ([2, 0], [])
    assert numbered(["b", "a", "b"], None, "x") == ([1, 0, 1], ["a", "b"])
    with pytest.raises(InputError, match="does not exist"):
        read_class_map("missing.txt")
