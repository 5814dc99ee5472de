"""Parquet files and Hugging Face data sets, without a network."""

import shutil
from pathlib import Path
from typing import Any

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
    with pytest.raises(InputError, match="a/1 is not a readable picture"):
        load_data(f"parquet:{file}?size=8")
    data = load_data(f"parquet:{file}?size=8&skip_bad=true")
    assert data.ids == ("a/0",)
    assert "1 of 2 images could not be read" in data.notes[-1]


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
    with pytest.raises(InputError, match="not a Parquet file"):
        load_data(f"parquet:{tmp_path / 'a.parquet'}")
    with pytest.raises(InputError, match="does not exist"):
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


REVISION = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture
def hub(saved: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a cache of the hub that holds one data set; whoever asks the hub itself fails."""
    known = pytest.importorskip("huggingface_hub")
    monkeypatch.setattr(known.constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr("socket.socket.connect", no_network)
    place = tmp_path / "datasets--birds--seen"
    shutil.copytree(saved / "repository", place / "snapshots" / REVISION)
    (place / "refs").mkdir()
    (place / "refs/main").write_text(REVISION)
    return place / "snapshots" / REVISION


def no_network(*_: object) -> None:
    raise AssertionError("the network was asked")


def test_a_data_set_in_the_cache_of_the_hub(hub: Path) -> None:
    pinned = load_data(f"hf:birds/seen@{REVISION}?size=8")
    loose = load_data("hf:birds/seen?size=8")
    assert [pinned.classes[i] for i in pinned.y] == names_of(pinned) == SHOWN[:3]
    assert not any("pinned" in note for note in pinned.notes)
    assert loose.notes[-1] == "birds/seen is not pinned to a revision: write birds/seen@COMMIT"
    assert pinned.ids == loose.ids == ("seen/0", "seen/1", "seen/2")
    assert len(load_data("hf:birds/seen?size=8&split=train").x) == len(SHOWN)


def test_a_data_set_as_the_hub_converts_it_has_folders_of_splits(hub: Path) -> None:
    for name in ("train", "test"):
        (hub / "colour" / name).mkdir(parents=True)
        (hub / f"data/{name}-00000-of-00001.parquet").rename(hub / f"colour/{name}/0000.parquet")
    assert load_data("hf:birds/seen?size=8").x.shape[0] == 3
    shutil.copytree(hub / "colour", hub / "grey")
    with pytest.raises(InputError, match="several configurations: colour, grey"):
        load_data("hf:birds/seen?size=8")
    assert load_data("hf:birds/seen?size=8&config=grey").x.shape[0] == 3
    with pytest.raises(InputError, match="no config 'gray'"):
        load_data("hf:birds/seen?size=8&config=gray")


def test_a_download_that_broke_off_is_not_taken_for_the_whole(hub: Path) -> None:
    (hub / "data/test-00000-of-00001.parquet").rename(hub / "data/test-00000-of-00003.parquet")
    with pytest.raises(InputError, match="only 1 of 3 files"):
        load_data("hf:birds/seen?size=8")


def test_nothing_is_downloaded_unasked(hub: Path, tmp_path: Path) -> None:
    for ref in ("fish/seen", f"birds/seen@{'9' * 40}", "fish"):
        with pytest.raises(InputError, match="nothing is downloaded unasked") as caught:
            load_data(f"hf:{ref}")
        assert "hf download --repo-type dataset" in str(caught.value.hint)
    with pytest.raises(InputError, match="does not exist"):
        load_data("hf:./photos/of/fish")
    (tmp_path / "none").mkdir()
    with pytest.raises(InputError, match="neither what save_to_disk"):
        load_data(f"hf:{tmp_path / 'none'}")


def test_what_is_asked_for_is_downloaded(hub: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The hub is played by a function that is asked what the real one would be."""
    asked: list[dict[str, Any]] = []

    def snapshot(repo: str, **given: Any) -> str:
        asked.append({"repo": repo, **given})
        return str(hub)

    monkeypatch.setattr("huggingface_hub.snapshot_download", snapshot)
    load_data(f"hf:fish/seen@{REVISION}?size=8&split=train&download=true")
    assert asked == [{
        "repo": "fish/seen", "repo_type": "dataset", "revision": REVISION,
        "allow_patterns": ["*train*.parquet"], "local_files_only": False,
    }]  # fmt: skip
