"""The picture commands on small nets: output, files, resuming and errors."""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from safetensors import safe_open
from safetensors.torch import load_file, save_file

import advkit
from advkit.api import picturing
from advkit.api.picture_setting import Setting
from advkit.errors import InapplicableError
from advkit.models.black_box import BlackBox
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


def test_a_run_of_a_file_that_has_changed_is_another_run(run: Cli, tmp_path: Path) -> None:
    picture = tmp_path / "plain.png"
    words = ("invert", *NET, "--picture", picture, "--layer", "1", "--steps", "1", "--out")
    for level in (99, 200):
        Image.fromarray(np.full((8, 8), level, np.uint8)).save(picture)
        done = run(*words, tmp_path / "run")
    assert done.code == 3
    assert f"other contents (contents: {picture}: of other content)" in done.err


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


def test_targets_that_read_alike_as_file_names_keep_their_own_pictures(
    run: Cli, tmp_path: Path
) -> None:
    run("visualize", *NET, "--neuron", "1[2]-1[5],1[2]+1[5]", "--steps", "2", "--out", tmp_path)
    strip = record(tmp_path)["groups"][0]["strips"][0]["pictures"]
    assert len({one["file"] for one in strip}) == 2
    assert len({(tmp_path / one["file"]).read_bytes() for one in strip}) == 2


@pytest.mark.parametrize("command", ["visualize", "fool"])
def test_two_nets_of_one_name_do_not_share_their_pictures(
    command: str, run: Cli, tmp_path: Path
) -> None:
    bundled = Path(advkit.__file__).parent / "models/bundled/digits-cnn.safetensors"
    other = load_file(bundled)
    for folder, weights in (("a", other), ("b", {k: v.flip(0) for k, v in other.items()})):
        (tmp_path / folder).mkdir()
        with safe_open(bundled, "pt") as held:
            save_file(weights, tmp_path / folder / "net.safetensors", held.metadata())
    done = run(command, "--model", tmp_path / "a/net.safetensors", "--beside",
               tmp_path / "b/net.safetensors", "--class", "3", "--steps", "2",
               "--out", tmp_path / "run")  # fmt: skip
    assert done.code == 0, done.err
    made = record(tmp_path / "run")["items"]
    assert len(made) == 2 * len([key for key in made if key.startswith("beside-")]) > 0


def test_images_of_classes_of_one_are_embedded_too(run: Cli, tmp_path: Path) -> None:
    """By an attack that is a sum of two methods; where every image lies is in a table."""
    x = np.random.default_rng(0).integers(0, 255, (6, 1, 8, 8)).astype(np.uint8)
    for name, image in zip(("ant", "bee", "cat", "dog", "elk", "fox"), x, strict=True):
        (tmp_path / "photos" / name).mkdir(parents=True)
        Image.fromarray(image[0]).save(tmp_path / "photos" / name / "1.png")
    done = run("embed", *NET, "--data", f"imagefolder:{tmp_path}/photos", "--layer", "8",
               "--eps", "0.1", "--attack", "mifgsm+dim", "--arrows", "2",
               "--out", tmp_path / "run")  # fmt: skip
    assert done.code == 0, done.err
    assert "No two images are of one class" in done.out
    assert "name their classes differently: '0', 'ant', ..." in " ".join(done.out.split())
    assert "Frames by class: ant blue, bee red" in (tmp_path / "run/report.html").read_text()
    places = pd.read_csv(tmp_path / "run/places.csv")
    assert places.groupby("layer").attacked.sum().to_dict() == {"8": 2, "pixels": 2}
    assert places[["x", "y"]].min().min() == 0


def test_a_page_on_style_says_what_it_did(run: Cli, tmp_path: Path) -> None:
    """The passes that were made, and names of files without their folders."""
    Image.fromarray(np.full((40, 40), 99, np.uint8)).save(tmp_path / "plain.png")
    done = run("style", *NET, "--content", tmp_path / "plain.png", "--longest", "48", "--steps",
               "1", "--out", tmp_path / "run", "--json")  # fmt: skip
    told = json.loads(done.out)
    assert told["verdict"].startswith("plain.png in the style of flower, by")
    assert "L-BFGS, 1 pass at 48 pixels" in told["lead"]


def test_octaves_of_a_dream_are_compared_by_pixel(run: Cli, tmp_path: Path) -> None:
    """Of a plain image energy by pixel is alike at every size, but for the border."""
    Image.fromarray(np.full((96, 96), 200, np.uint8)).save(tmp_path / "plain.png")
    run("dream", *NET, "--picture", tmp_path / "plain.png", "--layer", "1", "--longest", "96",
        "--octaves", "2", "--scale", "2", "--steps", "0", "--out", tmp_path / "run")  # fmt: skip
    ((_, first), (_, second)) = record(tmp_path / "run")["items"]["dream-1"]["values"]
    assert second / first == pytest.approx(1, abs=0.05)


def test_a_film_cut_short_is_not_taken_for_a_film(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from advkit.evaluate.dream_run import write_film

    def cut_short(_: Image.Image, file: Any, **__: Any) -> None:
        _ = file.write_bytes(b"GIF") if isinstance(file, Path) else file.write(b"GIF")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Image.Image, "save", cut_short)
    with pytest.raises(OSError, match="space"):
        write_film(tmp_path / "film.gif", [torch.zeros(1, 8, 8)])
    assert not (tmp_path / "film.gif").exists()


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
        (("style", "--share", "1", "--share", "2"), 2, "2 shares for 1 style"),
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


@pytest.mark.parametrize("kind", ["visualize", "invert", "fool", "embed", "dream", "style"])
def test_a_black_box_has_no_pictures(kind: str, tmp_path: Path) -> None:
    box = BlackBox(lambda x: x.reshape(len(x), -1)[:, :10], bytes(32), name="box")
    setting = Setting(advkit.Classifier(box, name="box"), "bundled:digits", limit=20,
                      out=tmp_path)  # fmt: skip
    with pytest.raises(InapplicableError, match=f"{kind} follows gradients, .*box is a black box"):
        getattr(picturing, kind)(setting)


def test_a_net_of_buffers_alone_has_pictures(tmp_path: Path) -> None:
    class Fixed(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("weight", torch.rand(64, 10))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x.flatten(1) @ self.weight

    setting = Setting(advkit.Classifier(Fixed(), name="fixed"), "bundled:digits", limit=20,
                      out=tmp_path)  # fmt: skip
    found = picturing.visualize(setting, targets=("3",), steps=2)
    assert Path(found["report"]).exists()
