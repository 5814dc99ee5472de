"""Models without accessible layers: commands that need layers explain why they fail."""

from pathlib import Path

import pytest
import torch

from advkit.models.nets import build
from tests.cli.run_cli import Cli
from tests.models.test_formats import what_torch_gives_up

WORDS = ("--allow-unsafe-load", "--data", "bundled:digits")


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    net, x = build("cnn", shape=(1, 8, 8), n_classes=10, width=4).eval(), torch.rand(2, 1, 8, 8)
    folder = tmp_path_factory.mktemp("nets")
    with what_torch_gives_up():
        torch.jit.trace(net, x).save(folder / "net.ts")
        rows = torch.export.Dim("rows", min=1, max=4096)
        program = torch.export.export(net, (x,), dynamic_shapes=({0: rows},))
        torch.export.save(program, folder / "net.pt2")
    return folder


LAYERS = {
    "explain": ("--method", "grad_cam", "--images", "1"),
    "embed": ("--images", "30"),
    "invert": ("--images", "1"),
    "visualize": ("--layer", "0[1]"),
    "dream": ("--longest", "64"),
    "style": ("--longest", "48"),
    "fool": ("--class", "7", "--steps", "2"),
}


@pytest.mark.parametrize("command", LAYERS)
def test_what_needs_layers_says_that_torchscript_shows_none(
    cli: Cli, files: Path, tmp_path: Path, command: str
) -> None:
    out = tmp_path / "run"
    done = cli(command, "--model", files / "net.ts", *WORDS, *LAYERS[command], "--out", out)
    (line,) = [each for each in done.err.splitlines() if each.startswith("error")]
    assert (done.code, line[:12]) == (3, "error[E316]:"), done.err
    assert "TorchScript" in line


@pytest.mark.parametrize("name", ["net.ts", "net.pt2"])
@pytest.mark.parametrize("words", [
    ("explain", "--method", "gradient", "--method", "grad_cam", "--images", "1"),
    ("visualize", "--class", "3", "--steps", "2"),
])  # fmt: skip
def test_what_needs_none_works(
    cli: Cli, files: Path, tmp_path: Path, name: str, words: tuple[str, ...]
) -> None:
    done = cli(*words, "--model", files / name, *WORDS, "--out", tmp_path / "run")
    assert done.code == 0, done.err
    assert (tmp_path / "run/report.html").exists()


def test_a_cam_of_an_exported_program_is_refused(cli: Cli, files: Path, tmp_path: Path) -> None:
    done = cli("explain", "--method", "grad_cam", "--images", 1, "--model", files / "net.pt2",
               *WORDS, "--out", tmp_path / "run")  # fmt: skip
    assert (done.code, done.err.count("error[E316]:")) == (3, 1)


def test_inspect_looks_at_what_it_is_allowed_to(cli: Cli, files: Path) -> None:
    assert cli("inspect", files / "net.ts", "--data", "bundled:digits").code == 4
    done = cli("inspect", files / "net.ts", *WORDS, "--limit", 30)
    assert done.code == 0, done.err
    layers = cli("inspect", files / "net.ts", *WORDS, "--limit", 30, "--layers")
    assert (layers.code, "TorchScript" in layers.err) == (3, True)
