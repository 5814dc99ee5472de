"""Parquet files and data sets of Hugging Face, without a network."""

from pathlib import Path

import pytest
import torch

from advkit.data import load_data
from advkit.errors import EmptyError, InputError
from tests.data.pictures import COLOURS, names_of, png

pa = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")

SHOWN = ["dog", "cat", "emu", "dog", "cat"]


def write(file: Path, labels: list[object], **columns: list[object]) -> Path:
    images = [{"bytes": png(name), "path": f"{name}.png"} for name in SHOWN]
    pq.write_table(pa.table({"image": images, "label": labels} | columns), file)
    return file


def test_pictures_with_their_bytes(tmp_path: Path) -> None:
    file = write(tmp_path / "test.parquet", list(SHOWN))
    data = load_data(f"parquet:{file}?size=8")
    assert data.classes == tuple(COLOURS)
    assert [data.classes[i] for i in data.y] == names_of(data) == SHOWN
    assert data.ids == tuple(f"test/{i}" for i in range(5))
    few = load_data(f"parquet:{file}?size=8", limit=3)
    assert few.ids == ("test/0", "test/1", "test/2")
    assert torch.equal(few.x, data.x[:3])


def test_plain_bytes_and_other_names(tmp_path: Path) -> None:
    file = tmp_path / "a.parquet"
    pq.write_table(pa.table({"img": [png("emu"), png("cat")], "fine": [9, 4]}), file)
    data = load_data(f"parquet:{file}?size=8&image=img&label=fine")
    assert (data.y.tolist(), names_of(data), data.classes) == ([9, 4], ["emu", "cat"], None)


def test_a_folder_of_files_in_the_order_of_their_names(tmp_path: Path) -> None:
    for name in ("b", "a"):
        write(tmp_path / f"{name}.parquet", [0, 1, 2, 0, 1])
    data = load_data(f"parquet:{tmp_path}?size=8")
    assert len(data.x) == len(set(data.ids)) == 10


def test_one_that_cannot_be_read(tmp_path: Path) -> None:
    file = tmp_path / "a.parquet"
    pq.write_table(pa.table({"image": [png("emu"), b"no"], "label": [0, 0]}), file)
    with pytest.raises(InputError, match="a/1 is not a picture"):
        load_data(f"parquet:{file}?size=8")
    data = load_data(f"parquet:{file}?size=8&skip_bad=true")
    assert data.ids == ("a/0",)
    assert "1 of 2 images could not be read" in data.notes[0]


@pytest.mark.parametrize(
    ("columns", "told"),
    [
        ({"image": [b"x"], "what": [0]}, "no column 'label', but image, what"),
        ({"image": [{"path": "/etc/hostname", "bytes": None}], "label": [0]}, "a path alone"),
        ({"image": [[1, 2]], "label": [0]}, "a list, not the content"),
        ({"image": [b"x"], "label": [-1]}, "label -1 in row 0"),
        ({"image": [b"x"], "label": [0.5]}, "label 0.5 in row 0"),
        ({"image": [b"x"], "label": pa.array([None], pa.int64())}, "label None in row 0"),
    ],
)
def test_files_that_cannot_be_used(tmp_path: Path, columns: dict, told: str) -> None:
    file = tmp_path / "a.parquet"
    pq.write_table(pa.table(columns), file)
    with pytest.raises(InputError, match=told):
        load_data(f"parquet:{file}?size=8")


def test_what_is_no_parquet(tmp_path: Path) -> None:
    (tmp_path / "a.parquet").write_bytes(b"PAR1 but no more")
    with pytest.raises(InputError, match="no Parquet file"):
        load_data(f"parquet:{tmp_path / 'a.parquet'}")
    with pytest.raises(InputError, match="is not there"):
        load_data(f"parquet:{tmp_path / 'b.parquet'}")
    (tmp_path / "empty").mkdir()
    with pytest.raises(EmptyError, match=r"no \.parquet file"):
        load_data(f"parquet:{tmp_path / 'empty'}")


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    datasets = pytest.importorskip("datasets")
    features = datasets.Features(
        {"image": datasets.Image(), "label": datasets.ClassLabel(names=list(COLOURS))}
    )
    rows = {"image": [{"bytes": png(name), "path": None} for name in SHOWN], "label": SHOWN}
    found = datasets.Dataset.from_dict(rows, features=features)
    root = tmp_path_factory.mktemp("hf")
    datasets.DatasetDict({"train": found, "test": found.select(range(3))}).save_to_disk(root / "d")
    (root / "repository/data").mkdir(parents=True)
    found.to_parquet(root / "repository/data/train-00000-of-00001.parquet")
    found.select(range(3)).to_parquet(root / "repository/data/test-00000-of-00001.parquet")
    return root


@pytest.mark.parametrize("form", ["d", "repository"])
def test_hugging_face_on_the_disk(saved: Path, form: str) -> None:
    data = load_data(f"hf:{saved / form}?size=8")
    assert data.classes == tuple(COLOURS)
    assert [data.classes[i] for i in data.y] == names_of(data) == SHOWN[:3]
    train = load_data(f"hf:{saved / form}?size=8&split=train", limit=4)
    assert len(train.x) == 4
    with pytest.raises(InputError, match="no split 'tset'"):
        load_data(f"hf:{saved / form}?split=tset")
    with pytest.raises(InputError, match="no column 'img'"):
        load_data(f"hf:{saved / form}?image=img")


def test_a_map_renumbers_the_classes_of_hugging_face(saved: Path, tmp_path: Path) -> None:
    (tmp_path / "order.txt").write_text("emu\ndog\ncat\n")
    data = load_data(f"hf:{saved / 'd'}?size=8&class_map={tmp_path / 'order.txt'}")
    assert data.classes == ("emu", "dog", "cat")
    assert [data.classes[i] for i in data.y] == names_of(data)


def test_nothing_is_downloaded(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="advkit downloads nothing"):
        load_data("hf:uoft-cs/cifar10")
    with pytest.raises(InputError, match="neither what save_to_disk"):
        load_data(f"hf:{tmp_path}")
