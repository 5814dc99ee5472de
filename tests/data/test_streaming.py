"""Memory does not grow with the number of pictures."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import advkit
from advkit.cli.progress import bars
from advkit.data import fingerprint, load_data
from advkit.data.lazy_rows import LazyRows
from advkit.evaluate.store import open_store
from tests.data.pictures import folders

CODE = """
import resource, sys, torch
from advkit.data import fingerprint, load_data, picture_rows
picture_rows.HELD = 2**20
load_data(sys.argv[1] + '?size=256&crop=1', limit=20)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
samples = load_data(sys.argv[1] + '?size=256&crop=1', stream=True)
fingerprint(samples)
seen = sum(float(samples.x[i : i + 32].sum()) for i in range(0, len(samples.ids), 32))
print(len(samples.ids), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="ru_maxrss is in kilobytes on Linux")
def test_pictures_that_would_fill_the_memory_do_not(tmp_path: Path) -> None:
    """400 pictures of 256 x 256 are 300 MB as numbers; what is held of them is a chunk of 32."""
    (tmp_path / "a").mkdir()
    file = tmp_path / "a" / "0.png"
    Image.new("L", (64, 64), 100).save(file)
    for i in range(1, 400):
        os.link(file, tmp_path / "a" / f"{i}.png")
    done = subprocess.run(
        [sys.executable, "-c", CODE, f"imagefolder:{tmp_path}"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    n, grown = map(int, done.stdout.split())
    assert n == 400
    assert grown < 120_000  # kilobytes; 300,000 if all were held


@pytest.fixture
def photographs(tmp_path: Path) -> str:
    images = load_data("bundled:digits", limit=40)
    for i, (x, y) in enumerate(zip(images.x, images.y, strict=True)):
        file = tmp_path / "digits" / str(int(y)) / f"{i:02}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray((x[0].numpy() * 255).round().astype(np.uint8)).save(file)
    return f"imagefolder:{tmp_path}/digits?crop=1"


def test_an_audit_that_streams_gives_the_same_rows(
    photographs: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def rows(out: str) -> str:
        advkit.audit("bundled:digits-cnn", photographs, eps=[0.05], suite="quick",
                     out=tmp_path / out)  # fmt: skip
        with open_store(tmp_path / out) as store:
            results = store.frame("results").sort_values(["id", "attack", "eps"])
            return results.drop(columns=["shard", "row"]).to_csv(index=False)

    held = rows("held")
    monkeypatch.setattr("advkit.data.picture_rows.HELD", 0)
    assert rows("streamed") == held
    assert (tmp_path / "streamed" / "report.html").exists()


def test_an_attack_that_streams_writes_the_same_and_holds_a_batch_at_a_time(
    photographs: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def made(out: str) -> tuple[dict[str, list[object]], str]:
        advkit.attack("pgd:steps=3", "bundled:digits-cnn", photographs, eps=0.05, batch_size=8,
                      jobs=1, out=tmp_path / out)  # fmt: skip
        with np.load(tmp_path / out / "examples.npz") as saved:
            arrays = {name: saved[name].tolist() for name in saved.files}
        return arrays, (tmp_path / out / "table.csv").read_text()

    held, asked, read = made("held"), [0], LazyRows.__getitem__
    monkeypatch.setattr("advkit.data.picture_rows.HELD", 0)

    def counted(rows: LazyRows, index: Any) -> torch.Tensor:
        found = read(rows, index)
        asked.append(1 if isinstance(index, int) else len(found))
        return found

    monkeypatch.setattr(LazyRows, "__getitem__", counted)
    assert made("streamed") == held
    assert sum(asked) > 100
    assert max(asked) <= 32, "a chunk of the fingerprint; all are 40"


def sets(root: Path) -> dict[str, str]:
    """Write the same pictures in every way that is read lazily; return their specs."""
    folders(root / "photos")
    files = sorted((root / "photos").rglob("*.png"))
    lines = [f"{file.relative_to(root / 'photos')},{file.parent.name}" for file in files]
    (root / "photos" / "table.csv").write_text("\n".join(["path,label", *lines]))
    x = np.random.default_rng(0).integers(0, 256, (9, 5, 5), dtype=np.uint8)
    np.savez(root / "a.npz", x=x, y=np.arange(9) % 3)
    pa = pytest.importorskip("pyarrow")
    cells = pa.table({"image": [file.read_bytes() for file in files], "label": [0, 0, 1, 1, 2, 2]})
    pytest.importorskip("pyarrow.parquet").write_table(cells, root / "a.parquet", row_group_size=4)
    return {
        "imagefolder": f"imagefolder:{root}/photos",
        "csv": f"csv:{root}/photos/table.csv",
        "parquet": f"parquet:{root}/a.parquet",
        "npz": f"npz:{root}/a.npz",
    }


@pytest.mark.parametrize("kind", ["imagefolder", "csv", "parquet", "npz"])
def test_rows_are_the_same_when_they_are_asked_for(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = sets(tmp_path)[kind]
    held = load_data(spec, shape=(3, 8, 8))
    for module in ("picture_rows", "npz_file"):
        monkeypatch.setattr(f"advkit.data.{module}.HELD", 0)
    lazy = load_data(spec, shape=(3, 8, 8), stream=True)
    assert not isinstance(lazy.x, torch.Tensor)
    assert fingerprint(lazy) == fingerprint(held)
    assert torch.equal(lazy.x[[4, 1]], held.x[[4, 1]])
    assert torch.equal(lazy.x[-1], held.x[-1])
    assert torch.equal(lazy.x.to("cpu")[2:4], held.x[2:4])
    assert lazy.x[[]].shape == (0, *held.x.shape[1:])
    with pytest.raises(IndexError):
        lazy.x[len(held.x)]
    assert torch.equal(load_data(spec, shape=(3, 8, 8)).x, held.x)  # who does not stream has all
    few = load_data(spec, shape=(3, 8, 8), stream=True, limit=3)
    assert torch.equal(few.x[:], load_data(spec, shape=(3, 8, 8), limit=3).x)


def test_what_is_left_out_is_not_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folders(tmp_path / "photos", each=3)
    (tmp_path / "photos" / "cat" / "1.png").write_bytes(b"no picture")
    spec = f"imagefolder:{tmp_path}/photos?skip_bad=true"
    held = load_data(spec, shape=(3, 8, 8))
    monkeypatch.setattr("advkit.data.picture_rows.HELD", 0)
    lazy = load_data(spec, shape=(3, 8, 8), stream=True)
    assert lazy.notes == held.notes
    assert lazy.ids == held.ids
    assert torch.equal(lazy.x[:], held.x)


@pytest.mark.parametrize("off", [True, False])
def test_who_wants_no_bars_sees_none_while_pictures_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, off: bool
) -> None:
    seen = []

    def watched(rows: list, *_words: str, disable: bool | None, **_options: object) -> list:
        seen.append(disable)
        return rows

    monkeypatch.setattr("advkit.data.picture_rows.tqdm", watched)
    with bars(off):
        load_data(f"imagefolder:{folders(tmp_path / 'photos')}", shape=(3, 8, 8))
    assert seen == [True if off else None]
