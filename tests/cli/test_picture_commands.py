"""The commands that make pictures, on small nets: what they say, write, resume and refuse."""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from tests.cli.run_cli import Cli

NET = ("--model", "bundled:digits-cnn")
QUICK = {
    "visualize": ("--class", "3", "--neuron", "1[2]-1[5]", "--steps", "4", "--negative"),
    "invert": ("--images", "1", "--steps", "5", "--layer", "1", "--layer", "9"),
    "fool": ("--class", "7", "--steps", "6"),
    "embed": ("--images", "30", "--layer", "8", "--eps", "0.3", "--attack", "fgsm"),
    "dream": ("--longest", "64", "--steps", "2", "--octaves", "2", "--frames", "2"),
    "style": ("--longest", "48", "--steps", "5"),
}


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Cli:
    return Cli(monkeypatch, capsys)


def record(folder: Path) -> dict[str, Any]:
    return dict(json.loads((folder / "run.json").read_text()))


def files(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in (folder / "pictures").iterdir()}


def test_a_folder_of_other_files_is_left_alone(run: Cli, tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    refused = run("visualize", *NET, "--class", "3", "--steps", "1", "--out", tmp_path)
    assert refused.code == 3
    assert f"--out {tmp_path} holds other files" in refused.err
    assert [file.name for file in tmp_path.iterdir()] == ["photos"]


@pytest.mark.parametrize("command", QUICK)
def test_a_command_from_the_line_to_its_page(command: str, run: Cli, tmp_path: Path) -> None:
    out = tmp_path / command
    words = (command, *NET, *QUICK[command], "--out", out, "--no-progress")
    done = run(*words)
    assert done.code == 0, done.err
    assert f"report:   {out / 'report.html'}" in done.out
    page = (out / "report.html").read_text(encoding="utf-8")
    assert page.count("<img ") >= 2
    assert "http://" not in page.replace("http://www.w3.org", "")
    made = record(out)
    for item in made["items"].values():
        for file in item["files"].values():
            assert np.asarray(Image.open(out / file)).dtype == np.uint8
    before = files(out)
    stamps = {file: (out / "pictures" / file).stat().st_mtime_ns for file in before}
    again = run(*words, "--json")
    assert json.loads(again.out)["verdict"] == made["verdict"]
    after = {file: (out / "pictures" / file).stat().st_mtime_ns for file in files(out)}
    assert after == stamps, "a finished run makes nothing again"
    fresh = run(*words, "--fresh", "--json")
    assert fresh.code == 0
    assert files(out) == before, "the same seed gives the same bytes"


def test_a_stopped_run_goes_on_where_it_was(run: Cli, tmp_path: Path) -> None:
    words = ("invert", *NET, *QUICK["invert"], "--out", tmp_path, "--no-progress")
    run(*words)
    whole = files(tmp_path)
    (lost,) = tmp_path.glob("pictures/*-9-image.png")
    kept = next(tmp_path.glob("pictures/*-1-image.png"))
    lost.unlink()
    stamp = kept.stat().st_mtime_ns
    assert run(*words).code == 0
    assert files(tmp_path) == whole
    assert kept.stat().st_mtime_ns == stamp
    other = run("invert", *NET, *QUICK["invert"], "--seed", "1", "--out", tmp_path)
    assert other.code == 3
    assert "seed: 0 then, 1 now" in other.err


def test_a_neuron_its_opposite_and_the_images_of_the_data(run: Cli, tmp_path: Path) -> None:
    run("visualize", *NET, *QUICK["visualize"], "--out", tmp_path)
    made = record(tmp_path)
    strips = made["groups"][0]["strips"]
    assert [strip["caption"] for strip in strips] == [
        "bundled:digits-cnn", "least of all, bundled:digits-cnn", "images of the data, 1",
        "images of the data, 2", "images of the data, 3"]  # fmt: skip
    assert [one["head"] for one in strips[0]["pictures"]] == ["3", "1[2]-1[5]"]
    scores = [[float(one["text"].split()[1]) for one in strip["pictures"]] for strip in strips[2:]]
    assert np.array_equal(np.sort(np.array(scores), 0)[::-1], np.array(scores))


def test_the_score_in_the_caption_is_that_of_the_saved_picture(run: Cli, tmp_path: Path) -> None:
    from advkit import load_model

    run("visualize", *NET, "--class", "3", "--steps", "9", "--out", tmp_path)
    row = record(tmp_path)["items"]["bundled:digits-cnn-3"]
    pixels = np.asarray(Image.open(tmp_path / row["files"]["0"]), dtype=np.float32) / 255
    with torch.no_grad():
        logit = load_model("bundled:digits-cnn")(torch.from_numpy(pixels)[None, None])[0, 3]
    assert float(logit) == pytest.approx(row["made"][0]["score"], rel=1e-4)


def test_the_film_moves(run: Cli, tmp_path: Path) -> None:
    run("dream", *NET, *QUICK["dream"], "--film", "gif", "--out", tmp_path)
    with Image.open(tmp_path / "pictures" / "film.gif") as film:
        assert film.n_frames == 3
    assert "data:image/gif;base64," in (tmp_path / "report.html").read_text()


def test_the_gallery_holds_all_of_it(run: Cli, tmp_path: Path) -> None:
    done = run("gallery", *NET, "--quick", "--only", "invert", "--only", "dream", "--only", "style",
               "--out", tmp_path)  # fmt: skip
    assert done.code == 0, done.err
    assert {file.parent.name for file in tmp_path.glob("*/report.html")} == {
        "invert", "dream", "style"}  # fmt: skip
    page = (tmp_path / "report.html").read_text()
    for title in ("Inversion: a ladder", "Dreams: layer by layer", "Style: the result"):
        assert title in page
    assert page.count('<ul class="found">') == 1
    assert re.search('<a href="#dream-[^"]+">Dreams</a>: What bundled:digits-cnn sees', page)
    assert f"pictures: {tmp_path}/*/pictures\n" in done.out
    assert "Inversion: Of bundled:digits-cnn, " in done.out


def test_pictures_that_excite_less_than_the_data_do_are_told_to(run: Cli, tmp_path: Path) -> None:
    words = ("visualize", *NET, "--class", "3,5", "--no-progress", "--json")
    few = json.loads(run(*words, "--steps", "1", "--out", tmp_path / "few").out)
    assert few["lead"].endswith(
        " An image of the data excites 3, 5 more than what was made in 1 step: take more steps."
    )
    many = json.loads(run(*words, "--steps", "60", "--out", tmp_path / "many").out)
    assert "take more steps" not in many["lead"]


def test_a_net_without_maps_is_told_so(run: Cli, tmp_path: Path) -> None:
    done = run("dream", "--model", "bundled:fashion-mnist-logistic", "--out", tmp_path)
    assert done.code == 3
    assert "no layer of the net is a map of the image" in done.err


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (("visualize", "--class", "seven"), 2, "there is no class 'seven'"),
        (("visualize", "--class", "seven"), 2, "9; a neuron is LAYER[channel,y,x]"),
        (("visualize", "--recipe", "spectra"), 2, "spectrum"),
        (("visualize", "--neuron", "44[1]"), 2, "there is no layer '44'"),
        (("invert", "--layer", "10"), 2, "there is no layer '10'"),
        (("invert", "--picture", "no.png"), 3, "there is no picture no.png"),
        (("fool", "--way", "nois"), 2, "noise"),
        (("fool", "--class", "1[2]"), 2, "is no class"),
        (("style", "--share", "1", "--share", "2"), 2, "2 shares for 1 styles"),
        (("style", "--style-layer", "nine"), 2, "there is no layer 'nine'"),
        (("dream", "--layer", "feature"), 2, "there is no layer 'feature'"),
        (("embed", "--images", "3"), 2, "--images"),
    ],
)
def test_bad_input_gets_one_line(
    words: tuple[str, ...], code: int, says: str, run: Cli, tmp_path: Path
) -> None:
    done = run(*words, *NET, "--out", tmp_path / "run")
    assert done.code == code, done.err
    assert says in done.err
    assert "Traceback" not in done.err
