import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner, Result

from advkit.cli.train import train
from advkit.errors import InputError, UsageError
from advkit.models import load_model
from advkit.models.checkpoint import checkpoint_of
from tests.data.pictures import folders

QUICK = "--data bundled:digits?split=train --arch cnn?width=4&hidden=16 --batch-size 256"


def run(*words: Any) -> Result:
    return CliRunner().invoke(train, [*QUICK.split(), *map(str, words)])


def test_a_file_that_can_be_audited(tmp_path: Path) -> None:
    out = tmp_path / "net.safetensors"
    result = run("--out", out, "--epochs", 1, "--limit", 600, "--eps", "8/255", "--steps", 1)
    assert result.exit_code == 0, result.output
    assert "held-out images: clean 0." in result.stdout
    assert ", robust 0." in result.stdout
    assert f"weights: {out}" in result.stdout
    model = load_model(str(out))
    assert model.classes == tuple("0123456789")
    assert str(tmp_path) not in out.read_bytes()[:4000].decode("latin-1")


def test_what_is_there_is_not_overwritten(tmp_path: Path) -> None:
    out = tmp_path / "net.safetensors"
    out.write_bytes(b"precious")
    result = run("--out", out, "--epochs", 1, "--limit", 100)
    assert isinstance(result.exception, UsageError)
    assert out.read_bytes() == b"precious"
    assert run("--out", out, "--epochs", 1, "--limit", 100, "--overwrite").exit_code == 0
    for place in (tmp_path, tmp_path / "nowhere" / "net"):
        assert isinstance(run("--out", place).exception, InputError)


def test_classes_are_numbered_by_the_map_and_bad_files_left_out(tmp_path: Path) -> None:
    folders(tmp_path / "photos")
    (tmp_path / "photos/cat/0.png").write_bytes(b"no picture")
    (tmp_path / "order.txt").write_text("emu\ndog\ncat\n")
    out = tmp_path / "net.safetensors"
    words = ("--data", f"imagefolder:{tmp_path}/photos?size=8", "--class-map",
             tmp_path / "order.txt", "--epochs", 1, "--held-out", 0.3, "--out", out)  # fmt: skip
    assert isinstance(run(*words).exception, InputError)
    result = run(*words, "--skip-bad")
    assert result.exit_code == 0, result.output
    assert load_model(str(out)).classes == ("emu", "dog", "cat")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--arch", "cmn"], "no architecture 'cmn'"),
        (["--arch", "./net.py:make"], "no architecture './net.py:make'"),
        (["--data", "bundled:digitz"], "no bundled data"),
        (["--eps", "8"], "whole range"),
        (["--held-out", "2"], "--held-out 2 is not possible"),
        (["--weight-decay", "-1"], "--weight-decay -1 is not possible"),
    ],
)
def test_what_cannot_be_trained(tmp_path: Path, words: list[str], told: str) -> None:
    result = run("--out", tmp_path / "net", *words)
    assert isinstance(result.exception, UsageError)
    assert told in str(result.exception)


@pytest.mark.parametrize("words", [["--eps", "x"], ["--norm", "L1"], ["--rate", "nan"]])
def test_values_that_click_refuses(tmp_path: Path, words: list[str]) -> None:
    result = run("--out", tmp_path / "net", *words)
    assert result.exit_code == 2
    assert words[0] in result.output


def test_help_has_examples() -> None:
    result = run("--help")
    assert result.exit_code == 0
    assert "advkit train --arch resnet" in result.output


def test_kill_9_and_again(tmp_path: Path) -> None:
    out, whole = tmp_path / "net.safetensors", tmp_path / "whole.safetensors"
    options = [*QUICK.split(), "--epochs", "12", "--eps", "0.1", "--steps", "2", "--seed", "3"]
    process = subprocess.Popen(
        [sys.executable, "-m", "advkit", "train", *options, "--out", str(out)],
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )
    checkpoint, until = checkpoint_of(out), time.monotonic() + 60
    while not checkpoint.exists() and process.poll() is None and time.monotonic() < until:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert checkpoint.exists()
    assert not out.exists()
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    for file in (out, whole):
        assert CliRunner().invoke(train, [*options, "--out", str(file)]).exit_code == 0
    torch.set_num_threads(threads)
    assert out.read_bytes() == whole.read_bytes()
    assert not checkpoint.exists()


def test_counts_from_1_up(tmp_path: Path) -> None:
    for option in ("--epochs", "--steps", "--batch-size"):
        result = run("--out", tmp_path / "net", option, 0)
        assert result.exit_code == 2
        assert f"'{option}': 0 is not in the range x>=1" in result.output
