import json
from pathlib import Path

import pytest

from advkit.data import load_data
from advkit.data.class_map import numbered, read_class_map
from advkit.errors import InputError
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


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("cat\ndog\ncat", "named twice"),
        ('{"cat": -1}', "below 0"),
        ('{"cat": "x"}', "no class map"),
        ("name,number\ncat,1", "no class map"),
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
    with pytest.raises(InputError, match="is not there"):
        read_class_map("missing.txt")
