"""Every data spec in the manual loads as written."""

import re
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from advkit.data import load_data
from advkit.data.specs import SCHEMES
from tests.data.pictures import COLOURS, folders, png

ROOT = Path(__file__).parents[2]
USERS = """
import numpy as np
def callable(n=2):
    return np.zeros((n, 1, 4, 4), np.uint8), np.arange(n)
"""


def words() -> list[str]:
    """Return the words in the first column of the table of data."""
    manual = (ROOT / "docs/models-and-data.md").read_text(encoding="utf-8").partition("## Data")[2]
    found: list[str] = []
    for row in re.findall(r"^\| (`[^-].*?`) \|", manual.partition("\n\nNothing")[0], re.M):
        found += re.findall(r"`(.+?)`", row)
    return list(dict.fromkeys(found))


def photographs(place: Path) -> dict[str, str]:
    return {"DIR": str(folders(place))}


def table(place: Path) -> dict[str, str]:
    folders(place)
    (place / "t.csv").write_text("path,label\ncat/0.png,cat\nemu/1.png,emu\n")
    return {"FILE": str(place / "t.csv"), "DIR": str(place)}


def parquet(place: Path) -> dict[str, str]:
    pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    place.mkdir()
    rows = {"image": [png(name) for name in COLOURS], "label": list(COLOURS)}
    pq.write_table(pa.table(rows), place / "test-0.parquet")
    return {"FILE": str(place / "test-0.parquet"), "DIR": str(place)}


def arrays(place: Path) -> dict[str, str]:
    place.mkdir()
    x = np.zeros((3, 1, 4, 4), np.uint8)
    np.savez(place / "a.npz", x=x, y=np.arange(3))
    return {"FILE": str(place / "a.npz")}


def torchvisions(place: Path) -> dict[str, str]:
    raw = place / "FashionMNIST" / "raw"
    raw.mkdir(parents=True)
    for part in ("train", "t10k"):
        head = struct.pack(">IIII", 0x803, 2, 28, 28)
        (raw / f"{part}-images-idx3-ubyte").write_bytes(head + bytes(2 * 784))
        (raw / f"{part}-labels-idx1-ubyte").write_bytes(struct.pack(">II", 0x801, 2) + b"\0\1")
    return {"DIR": str(place), "NAME": "FashionMNIST"}


def recordings(place: Path) -> dict[str, str]:
    (place / "yes").mkdir(parents=True)
    soundfile.write(place / "yes/0.wav", np.zeros(800, np.float32), 8000)
    (place / "FILE").write_text("file,label\nyes/0.wav,yes\n")
    return {"DIR": str(place)}


MAKERS: dict[str, Callable[[Path], dict[str, str]]] = {
    "imagefolder": photographs, "csv": table, "parquet": parquet, "hf": parquet, "npz": arrays,
    "torchvision": torchvisions, "audio": recordings,
}  # fmt: skip


@pytest.mark.parametrize("word", words())
def test_it_is_loaded_as_it_stands_there(
    word: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "package").mkdir()
    for name in ("file.py", "package/__init__.py", "package/module.py"):
        (tmp_path / name).write_text(USERS)
    scheme, _, rest = word.partition(":")
    for name, place in MAKERS.get(scheme, lambda _place: {})(tmp_path / "here").items():
        rest = re.sub(rf"\b{name}\b(?<!labels=FILE)", place, rest)
    data = load_data(f"{scheme}:{rest}", limit=2)
    assert 1 <= len(data.x) == len(data.y) == len(set(data.ids)) <= 2
    assert 0 <= data.x.min() <= data.x.max() <= 1


def test_every_scheme_is_documented() -> None:
    schemes = {word.partition(":")[0] for word in words()}
    assert schemes == {*SCHEMES, "package.module", "./file.py"}
