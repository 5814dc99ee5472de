from pathlib import Path

import pytest
import torch

from advkit.data import load_data
from advkit.errors import EmptyError, InputError, UnsafeError
from tests.data.pictures import folders, names_of


def table(root: Path, text: str, encoding: str = "utf-8") -> Path:
    file = root / "table.csv"
    file.write_bytes(text.encode(encoding))
    return file


def test_paths_and_labels(tmp_path: Path) -> None:
    folders(tmp_path)
    file = table(tmp_path, "path,label\nemu/0.png,emu\ncat/1.png,cat\ncat/0.png,cat\n", "utf-8-sig")
    data = load_data(f"csv:{file}?size=8")
    assert data.ids == ("emu/0.png", "cat/1.png", "cat/0.png")
    assert data.classes == ("cat", "emu")
    assert [data.classes[i] for i in data.y] == names_of(data) == ["emu", "cat", "cat"]
    few = load_data(f"csv:{file}?size=8", limit=2)
    assert few.ids == ("emu/0.png", "cat/1.png")
    assert torch.equal(few.x, data.x[:2])


def test_other_names_and_another_root(tmp_path: Path) -> None:
    folders(tmp_path / "photos")
    file = table(tmp_path, "what,file\n7,dog/0.png\n0,cat/0.png\n")
    data = load_data(f"csv:{file}?size=8&path=file&label=what&root={tmp_path / 'photos'}")
    assert (data.y.tolist(), data.classes) == ([7, 0], None)
    assert names_of(data) == ["dog", "cat"]


@pytest.mark.parametrize("name", ["../secret.png", "link.png", "/etc/hostname", "cat/../../x.png"])
def test_nothing_outside_the_root_is_opened(tmp_path: Path, name: str) -> None:
    root = folders(tmp_path / "root")
    secret = tmp_path / "secret.png"
    secret.write_bytes((root / "cat/0.png").read_bytes())
    (root / "link.png").symlink_to(secret)
    file = table(root, f"path,label\ncat/0.png,0\n{name},1\n")
    with pytest.raises(UnsafeError, match=r"row 3 of .*which is outside") as caught:
        load_data(f"csv:{file}?size=8&skip_bad=true")
    assert caught.value.exit_code == 4


@pytest.mark.parametrize(
    ("text", "error", "told"),
    [
        ("file,label\ncat/0.png,0\n", InputError, "no column 'path', but file, label"),
        ("path,class\ncat/0.png,0\n", InputError, "no column 'label', but path, class"),
        ("path,label\ncat/0.png\n", InputError, "row 2 of .* is not complete"),
        ("path,label\ncat/0.png,0\ncat/0.png,1\n", InputError, "lists cat/0.png twice"),
        ("path,label\ncat/9.png,0\n", InputError, "9.png is not a readable picture"),
        ("path,label\n", EmptyError, "has no rows"),
        ("", InputError, "no column 'path', but none"),
    ],
)
def test_tables_that_cannot_be_used(
    tmp_path: Path, text: str, error: type[Exception], told: str
) -> None:
    folders(tmp_path)
    with pytest.raises(error, match=told):
        load_data(f"csv:{table(tmp_path, text)}?size=8")


def test_bad_encoding_and_no_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="not a table in UTF-8"):
        load_data(f"csv:{table(tmp_path, 'path,label', 'utf-16')}")
    with pytest.raises(InputError, match="does not exist"):
        load_data(f"csv:{tmp_path / 'tabel.csv'}")
