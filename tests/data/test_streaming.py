"""Memory does not grow with the number of pictures."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import advkit
from advkit.data import load_data
from advkit.evaluate.store import open_store

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


def test_an_audit_that_streams_gives_the_same_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = load_data("bundled:digits", limit=40)
    for i, (x, y) in enumerate(zip(images.x, images.y, strict=True)):
        file = tmp_path / "digits" / str(int(y)) / f"{i:02}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray((x[0].numpy() * 255).round().astype(np.uint8)).save(file)

    def rows(out: str) -> str:
        advkit.audit("bundled:digits-cnn", f"imagefolder:{tmp_path}/digits?crop=1", eps=[0.05],
                     suite="quick", out=tmp_path / out)  # fmt: skip
        with open_store(tmp_path / out) as store:
            results = store.frame("results").sort_values(["id", "attack", "eps"])
            return results.drop(columns=["shard", "row"]).to_csv(index=False)

    held = rows("held")
    monkeypatch.setattr("advkit.data.picture_rows.HELD", 0)
    assert rows("streamed") == held
    assert (tmp_path / "streamed" / "report.html").exists()
