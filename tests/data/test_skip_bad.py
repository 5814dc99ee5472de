from pathlib import Path

import pytest

from advkit.data import load_data
from advkit.errors import EmptyError, InputError, UsageError
from tests.cli.run_cli import Cli
from tests.data.pictures import folders


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folders(tmp_path)
    (tmp_path / "cat/0.png").write_bytes(b"no picture")
    (tmp_path / "dog/1.png").write_bytes((tmp_path / "dog/1.png").read_bytes()[:40])
    return tmp_path


def test_what_is_skipped_is_counted_and_named(root: Path) -> None:
    with pytest.raises(InputError, match="not a readable picture"):
        load_data(f"imagefolder:{root}?size=8")
    data = load_data(f"imagefolder:{root}?size=8&skip_bad=true")
    assert len(data.x) == len(data.y) == len(data.ids) == 4
    assert data.ids == ("dog/0.png", "emu/0.png", "cat/1.png", "emu/1.png")
    assert data.y.tolist() == [1, 2, 0, 2]
    assert data.notes[-1] == (
        "2 of 6 images could not be read and were left out: cat/0.png, dog/1.png"
    )


def test_nothing_that_can_be_read(tmp_path: Path) -> None:
    (tmp_path / "cat").mkdir()
    (tmp_path / "cat/0.png").write_bytes(b"x")
    with pytest.raises(EmptyError, match="none of the 1 pictures"):
        load_data(f"imagefolder:{tmp_path}?skip_bad=true")
    with pytest.raises(UsageError, match="skip_bad=maybe"):
        load_data(f"imagefolder:{tmp_path}?skip_bad=maybe")


def test_recordings(tmp_path: Path) -> None:
    import numpy as np
    import soundfile

    (tmp_path / "yes").mkdir()
    soundfile.write(tmp_path / "yes/0.wav", np.zeros(800, np.float32), 8000)
    (tmp_path / "yes/1.wav").write_bytes(b"RIFF")
    data = load_data(f"audio:{tmp_path}?seconds=0.1&skip_bad=true")
    assert data.ids == ("yes/0.wav",)
    assert "1 of 2 recordings could not be read and were left out: yes/1.wav" in data.notes


def test_on_the_command_line_it_is_in_the_record_and_in_the_report(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    cli = Cli(monkeypatch, capsys)
    net = root / "net.py"
    net.write_text(
        "from torch import nn\ndef make():\n"
        "    return nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())\n"
    )
    (root / "order.txt").write_text("cat\ndog\nemu\n")
    words = ("audit", "--model", f"{net}:make", "--data", f"imagefolder:{root}?size=8",
             "--suite", "quick", "--out", tmp_path / "run", "--no-progress")  # fmt: skip
    assert cli(*words).code == 3
    done = cli(*words, "--skip-bad", "--class-map", root / "order.txt")
    assert done.code == 0, done.err
    told = "2 of 6 images could not be read and were left out: cat/0.png, dog/1.png"
    assert told in (tmp_path / "run/report.html").read_text()
    record = (tmp_path / "run/run.json").read_text()
    assert "skip_bad=true" in record
    assert "class_map=" in record
    assert cli("audit", "--skip-bad").code == 2
    wrong = cli("audit", "--data", "bundled:digits", "--skip-bad")
    assert (wrong.code, "no option 'skip_bad'" in wrong.err) == (2, True)
