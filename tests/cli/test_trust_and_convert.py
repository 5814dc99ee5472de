"""Files that can run code: rejected, allowed by their sha256, or converted to safe files."""

import sys
from hashlib import sha256
from pathlib import Path

import pandas as pd
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from advkit.evaluate.store import open_store
from advkit.models import load_model
from advkit.models.nets import build
from tests.cli.run_cli import Cli
from tests.models.malice import PAYLOADS, Mark

ROBUST, ARCH = "bundled:fashion-mnist-cnn-robust", "cnn?shape=1,28,28&n_classes=10"
SHORT = ("--data", "bundled:fashion-mnist", "--limit", 2)
linux = pytest.mark.skipif(sys.platform != "linux", reason="the sandbox is of Linux")


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def whole_module(path: Path) -> dict[str, torch.Tensor]:
    """Save the robust net as a whole module; return its weights."""
    net = build("cnn", shape=(1, 28, 28), n_classes=10)
    net.load_state_dict(load_model(ROBUST).net.state_dict())
    torch.save(net.eval(), path)
    return net.state_dict()


def audited(cli: Cli, out: str, *words: str, jobs: int = 1) -> pd.DataFrame:
    done = cli("audit", "--data", "bundled:fashion-mnist", "--attacks", "pgd:steps=3", "--eps", 0.2,
               "--limit", 4, "--jobs", jobs, "--bounds", "off", "--out", out, *words)  # fmt: skip
    assert done.code == 0, done.err
    with open_store(Path(out)) as store:
        return store.frame("results").sort_values(["attack", "id"]).reset_index(drop=True)


def test_trust_is_in_these_very_bytes(cli: Cli, here: Path) -> None:
    file, mark = here / "net.pt", here / "marker"
    file.write_bytes(PAYLOADS["net.pkl"](Mark(mark)))
    audit = ("audit", *SHORT, "--model")
    refused = cli(*audit, "net.pt")
    assert (refused.code, mark.exists()) == (4, False)
    assert "advkit trust add" in refused.err
    added = cli("trust", "add", "net.pt")
    digest = sha256(file.read_bytes()).hexdigest()
    assert (added.code, mark.exists()) == (0, False), "to trust a file is not to load it"
    assert digest in added.out
    listed = cli("trust", "list")
    assert "net.pt" in listed.out
    assert digest[:16] in listed.out
    assert str(here / "config") in listed.err
    file.write_bytes(file.read_bytes() + b"\n")
    assert (cli(*audit, "net.pt").code, mark.exists()) == (4, False)
    file.write_bytes(file.read_bytes()[:-1])
    (here / "moved").write_bytes(file.read_bytes())
    assert cli(*audit, "moved").code == 3, "loaded, and no model"
    assert mark.read_text() == "executed"


@pytest.mark.parametrize("by", ["path", "name", "sha256"])
def test_trust_is_taken_back(cli: Cli, here: Path, by: str) -> None:
    file = here / "net.pt"
    whole_module(file)
    assert cli("trust", "add", file).code == 0
    digest = sha256(file.read_bytes()).hexdigest()
    if by != "path":
        file = file.rename(here / "elsewhere.pt")
    removed = cli("trust", "remove", {"path": "net.pt", "name": "net.pt"}.get(by, digest[:12]))
    assert (removed.code, digest in removed.out) == (0, True)
    assert "no file is trusted" in cli("trust", "list").out
    refused = cli("audit", *SHORT, "--model", file)
    assert (refused.code, "not opened" in refused.err) == (4, True)


def test_what_cannot_be_trusted_or_taken_back(cli: Cli, here: Path) -> None:
    assert cli("trust", "add", "nowhere.pt").code == 3
    (here / "a").mkdir()
    (here / "b").mkdir()
    for n, folder in enumerate("ab"):
        torch.save(nn.Linear(n + 1, 2), here / folder / "net.pt")
        assert cli("trust", "add", f"{folder}/net.pt").code == 0
    both = cli("trust", "remove", "net.pt")
    assert (both.code, "2 trusted files are meant" in both.err) == (3, True)
    none = cli("trust", "remove", "other.pt")
    assert (none.code, "advkit trust list" in none.err) == (3, True)
    assert cli("trust", "list").out.count("net.pt") == 2
    save_file({"weight": torch.zeros(2)}, here / "good.safetensors")
    assert "holds no code" in cli("trust", "add", "good.safetensors").err
    (here / "config/advkit/trusted.json").write_text("[1]")
    assert cli("trust", "list").code == 3


def test_workers_may_load_what_their_run_may(cli: Cli, here: Path) -> None:
    whole_module(here / "net.pt")
    words = ("--model", "net.pt", "--allow-unsafe-load")
    columns = ["attack", "id", "prediction", "fooled", "margin", "Linf"]
    rows = [audited(cli, f"run{jobs}", *words, jobs=jobs)[columns] for jobs in (1, 2)]
    pd.testing.assert_frame_equal(*rows)
    assert cli("audit", *SHORT, "--model", "net.pt", "--jobs", 2).code == 4


def test_transfer_loads_unsafe_files_when_it_is_told_to(cli: Cli, here: Path) -> None:
    whole_module(here / "net.pt")
    words = ("transfer", "--model", "net.pt", "--model", ROBUST, *SHORT, "--attack", "fgsm",
             "--eps", 0.1, "--out", "run")  # fmt: skip
    refused = cli(*words)
    assert (refused.code, (here / "run").exists()) == (4, False)
    allowed = cli.but(words, "--allow-unsafe-load", "--limit", 20)
    assert allowed.code == 0, allowed.err


@linux
def test_a_whole_module_is_converted_then_audited(cli: Cli, here: Path) -> None:
    weights = whole_module(here / "net.pt")
    done = cli("convert", "net.pt", "--arch", ARCH, "-o", "net.safetensors")
    if done.code == 4 and "Landlock" in done.err:
        pytest.skip(done.err)
    assert (done.code, "unpickled in a sandbox" in done.out) == (0, True), done.err
    found = load_file(here / "net.safetensors")
    assert found.keys() == weights.keys()
    assert all(torch.equal(found[name], weights[name]) for name in weights)
    same = load_model(ROBUST)
    assert same.mean is not None
    assert same.std is not None
    (here / "pixels.toml").write_text(f"mean = {same.mean.tolist()}\nstd = {same.std.tolist()}\n")
    rows = audited(cli, "a", "--model", "net.safetensors", "--preprocess", "pixels.toml")
    wanted = audited(cli, "b", "--model", ROBUST)
    columns = ["attack", "id", "prediction", "fooled", "margin", "Linf"]
    pd.testing.assert_frame_equal(rows[columns], wanted[columns], atol=1e-5)


def test_a_state_dict_is_converted_without_unpickling(cli: Cli, here: Path) -> None:
    weights = nn.Linear(3, 2).state_dict()
    torch.save({"state_dict": {f"module.{name}": t for name, t in weights.items()}}, here / "w.pt")
    done = cli("convert", "w.pt", "-o", "w.safetensors")
    assert (done.code, "nothing was executed" in done.out) == (0, True), done.err
    assert "'module.' was taken off" in done.err
    found = load_file(here / "w.safetensors")
    assert {name: t.tolist() for name, t in found.items()} == {
        name: t.tolist() for name, t in weights.items()
    }


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (("w.pt", "-o", "w.bin"), 2, "in which format"),
        (("w.pt", "-o", "w.skops"), 2, "holds weights"),
        (("w.pt", "--arch", ARCH, "-o", "out.safetensors"), 3, "missing"),
        (("nowhere.pt", "-o", "out.safetensors"), 3, "does not exist"),
        (("good.safetensors", "-o", "out.safetensors"), 2, "needs no conversion"),
    ],
)
def test_what_is_not_converted(
    cli: Cli, here: Path, words: tuple[str, ...], code: int, told: str
) -> None:
    torch.save(nn.Linear(3, 2).state_dict(), here / "w.pt")
    assert cli("convert", "w.pt", "-o", "good.safetensors").code == 0
    before = sorted(path.name for path in here.iterdir())
    done = cli("convert", *words)
    assert (done.code, told in done.err) == (code, True), done.err
    assert sorted(path.name for path in here.iterdir()) == before
