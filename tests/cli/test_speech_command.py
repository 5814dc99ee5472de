import json
from pathlib import Path

import numpy as np
import soundfile

from advkit.pages.speech import page_of
from tests.cli.run_cli import Cli
from tests.models.malice import PAYLOADS, Mark

SMALL = (
    "--model",
    "bundled:spoken-digits-linear",
    "--clips",
    "4",
    "--steps",
    "16",
    "--strings",
    "0",
)


def test_the_study_writes_numbers_sounds_and_a_page(cli: Cli, tmp_path: Path) -> None:
    out = tmp_path / "run"
    done = cli("speech", *SMALL, "--out", out, "--no-progress")
    assert done.code == 0, done.err
    assert "dB below the speech" in done.out
    assert "one sound for all clips" in done.out
    told = json.loads((out / "speech.json").read_text())
    assert told["schema"] == "advkit/speech/1"
    assert told["curve"][0]["targeted"]["n"] == 4
    assert len(list((out / "sounds").glob("*.wav"))) == 2 * len(told["played"]) > 0
    assert (out / "report.html").read_text() == page_of(out)


def test_what_is_no_sound_is_told(cli: Cli, tmp_path: Path) -> None:
    done = cli(
        "speech", "--model", "bundled:digits-cnn", "--data", "bundled:digits",
        "--out", tmp_path / "run",
    )  # fmt: skip
    assert done.code == 2
    assert "is not sound" in done.err
    assert not (tmp_path / "run").exists(), "an empty directory is not left behind"
    done = cli("speech", "--model", "./own.py:net")
    assert done.code == 3
    assert "has no default clips" in done.err


def test_a_silent_clip_is_to_be_left_out(cli: Cli, tmp_path: Path) -> None:
    for digit in ("0", "1", "2", "3", "4", "5", "6", "7", "8", "9"):
        (tmp_path / "clips" / digit).mkdir(parents=True)
        soundfile.write(tmp_path / "clips" / digit / "a.wav", np.zeros(8000), 8000)
    words = ("--data", f"audio:{tmp_path / 'clips'}", "--out", tmp_path / "run", "--no-progress")
    done = cli("speech", "--model", "bundled:spoken-digits-cnn", *words)
    assert done.code == 3
    assert "/a.wav of" in done.err.splitlines()[0]
    assert done.err.splitlines()[1] == "  decibels below it are undefined: leave it out"
    done = cli("audit", "--model", "bundled:spoken-digits-cnn", *words[:-1], "--limit", 10)
    assert "leave it out, or give eps as a plain number" in done.err


def test_decibels_and_bands_that_cannot_be_read(cli: Cli) -> None:
    assert cli("audit", "--eps", "loudB").code == 2
    done = cli("attack", "fgsm", "--band", "low-high")
    assert done.code == 2
    assert "300-3400" in done.err


def test_a_recogniser_has_arguments_and_may_be_unsafe_if_that_is_said(
    cli: Cli, tmp_path: Path
) -> None:
    own = tmp_path / "own.py"
    own.write_text("def make(width):\n    raise ValueError(f'so wide: {width}')\n")
    words = ("--data", "bundled:spoken-digits", "--out", tmp_path / "run")
    done = cli("speech", "--model", f"{own}:make", "--model-arg", "width=7", *words)
    assert (done.code, "so wide: 7" in done.err) == (3, True)
    (tmp_path / "net.pt").write_bytes(PAYLOADS["net.pt"](Mark(tmp_path / "mark")))
    done = cli("speech", "--model", tmp_path / "net.pt", *words)
    assert (done.code, (tmp_path / "mark").exists()) == (4, False)
    cli("speech", "--model", tmp_path / "net.pt", "--allow-unsafe-load", *words)
    assert (tmp_path / "mark").exists()
