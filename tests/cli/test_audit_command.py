"""`advkit audit`: its files and output, its exit codes, and resuming."""

import json
import os
import re
import signal
import subprocess
import time
from fnmatch import fnmatch
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from torch import nn

from tests.cli.run_cli import NET, QUICK_AUDIT, ROOT, Cli, begun, command


def blind_net() -> nn.Module:
    """Call everything class 9, of ten."""
    net = nn.Sequential(nn.Flatten(), nn.Linear(64, 10))
    nn.init.zeros_(net[1].weight)
    net[1].bias.data[:] = 0.0
    net[1].bias.data[9] = 1.0
    return net


def test_an_audit_from_words_to_report(cli: Cli, tmp_path: Path) -> None:
    out, rows, doc = tmp_path / "run", tmp_path / "rows.csv", tmp_path / "doc.json"
    result = cli("audit", *QUICK_AUDIT, "--out", out, "-o", rows, "-o", doc)
    assert result.code == 0, result.err
    assert "Linf 0.05" in result.out
    assert str(out / "report.html") in result.out
    summary = json.loads(doc.read_text())
    assert summary == json.loads((out / "run.json").read_text())
    frame = pd.read_csv(rows)
    assert {"id", "attack", "eps", "margin", "L2", "fooled", "valid"} <= set(frame.columns)
    assert summary["command"].startswith("advkit audit --model")
    page = (out / "report.html").read_text()
    assert "data:image/png;base64," in page
    assert summary["verdict"] in page


def test_the_manual_lists_every_file_of_a_run(cli: Cli, tmp_path: Path) -> None:
    out = tmp_path / "run"
    cli("audit", *QUICK_AUDIT, "--jobs", "1", "--out", out)
    manual = (ROOT / "docs/audit.md").read_text(encoding="utf-8")
    section = manual.split("## Files of a run")[1].split("\n## ")[0]
    heads = re.findall(r"^\| (`.*?) \|", section, re.M)
    listed = [name for head in heads for name in re.findall(r"`([^`]+)`", head)]
    written = [file.relative_to(out).as_posix() for file in out.rglob("*") if file.is_file()]
    assert [one for one in written if not any(fnmatch(one, name) for name in listed)] == []
    assert [name for name in listed if not any(fnmatch(one, name) for one in written)] == []


def test_json_is_one_document_and_nothing_else(cli: Cli, tmp_path: Path) -> None:
    result = cli("audit", *QUICK_AUDIT, "--out", tmp_path / "run", "--json")
    assert json.loads(result.out)["schema"] == "advkit/audit/1"


def test_running_again_resumes_and_says_the_same(cli: Cli, tmp_path: Path) -> None:
    first = cli("audit", *QUICK_AUDIT, "--out", tmp_path / "run")
    again = cli("audit", *QUICK_AUDIT, "--out", tmp_path / "run", "--batch-size", 3)
    told, told_again = (re.sub(r"about .*", "about so long", said.err) for said in (first, again))
    assert (again.code, again.out, told_again) == (first.code, first.out, told)
    other = cli("audit", *QUICK_AUDIT, "--out", tmp_path / "run", "--seed", 3)
    assert other.code == 3
    assert "seed: 0 then, 3 now" in other.err
    assert cli("audit", *QUICK_AUDIT, "--out", tmp_path / "run", "--seed", 3, "--fresh").code == 0


def test_the_gate_is_judged_on_the_lower_bound_at_the_largest_eps(cli: Cli, tmp_path: Path) -> None:
    out = tmp_path / "run"
    summary = json.loads(cli("audit", *QUICK_AUDIT, "--out", out, "--json").out)
    low, value = summary["robust"][-1]["low"], summary["robust"][-1]["value"]
    assert low < value
    assert cli("audit", *QUICK_AUDIT, "--out", out, "--fail-under", low - 1e-6).code == 0
    failed = cli("audit", *QUICK_AUDIT, "--out", out, "--fail-under", value)
    assert failed.code == 1
    assert "interval begins at" in failed.err


def test_nothing_right_when_clean_still_makes_a_report_and_exits_5(
    cli: Cli, tmp_path: Path
) -> None:
    x = np.zeros((4, 1, 8, 8), dtype=np.float32)
    np.savez(tmp_path / "d.npz", x=x, y=np.zeros(4, dtype=int))
    blind = "tests.cli.test_audit_command:blind_net"
    result = cli("audit", "--model", blind, "--data", f"npz:{tmp_path / 'd.npz'}",
                 "--out", tmp_path / "run")  # fmt: skip
    assert result.code == 5
    assert "nothing to attack" in result.err
    assert (tmp_path / "run" / "report.html").exists()


def test_eps_0_alone_makes_a_report(cli: Cli, tmp_path: Path) -> None:
    """The certified curve has no point above eps 0 then."""
    result = cli("audit", *NET, "--limit", "8", "--suite", "quick", "--eps", "0",
                 "--bounds", "crown", "--out", tmp_path / "run")  # fmt: skip
    assert result.code == 0, result.err
    assert (tmp_path / "run" / "report.html").exists()


def test_strict_exits_6_where_the_number_is_not_to_be_trusted(cli: Cli, tmp_path: Path) -> None:
    words = ("audit", "--model", "bundled:digits-cnn", "--eps", "0.25", "--limit", "40")
    poor = cli(*words, "--attacks", "noise:draws=1", "--strict", "--out", tmp_path / "poor")
    assert poor.code == 6
    assert "--strict: Do not trust this number." in poor.err
    assert "trust: doubtful." in poor.out
    assert "failed: A stronger attack changes nothing." in poor.out
    assert (tmp_path / "poor" / "report.html").exists()
    good = cli(*words, "--suite", "quick", "--strict", "--out", tmp_path / "good",
               "--surrogate", "bundled:digits-cnn")  # fmt: skip
    assert good.code == 0, good.err
    assert "trust: ok." in good.out
    checks = json.loads((tmp_path / "good" / "run.json").read_text())["trust"]["checks"]
    assert {c["state"] for c in checks if c["name"] == "transfer_wins"} <= {
        "pass",
        "not applicable",
    }


def test_the_budget_is_said_before_the_work(cli: Cli, tmp_path: Path) -> None:
    words = ("audit", "--model", "bundled:digits-cnn", "--limit", "2", "--suite", "quick",
             "--bounds", "off")  # fmt: skip
    told = cli(*words, "--out", tmp_path / "a")
    assert "suite quick: usually" in told.err
    assert "passes per image, at most" in told.err
    assert "suite quick" not in cli(*words, "--no-progress", "--out", tmp_path / "b").err


@pytest.mark.parametrize("command", [("audit", "--model"), ("inspect",)])
@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_pictures_become_grey_for_a_net_of_ones_own_that_takes_one_channel(
    cli: Cli, tmp_path: Path, command: tuple[str, ...], mode: str
) -> None:
    rng = np.random.default_rng(0)
    for name in ("cat", "dog"):
        (tmp_path / "photos" / name).mkdir(parents=True)
        pixels = rng.integers(0, 255, (8, 8), dtype=np.uint8)
        Image.fromarray(pixels).convert(mode).save(tmp_path / "photos" / name / "one.png")
    (tmp_path / "net.py").write_text(
        "from torch import nn\ndef make():\n    return nn.Sequential(nn.Conv2d(1, 2, 8), "
        "nn.Flatten())\n"
    )
    more = ("--attacks", "fgsm", "--eps", "0.1", "--out", tmp_path / "run")
    result = cli(*command, f"{tmp_path}/net.py:make", "--data",
                 f"imagefolder:{tmp_path / 'photos'}?size=8", "--json",
                 *(more if command[0] == "audit" else ()))  # fmt: skip
    assert result.code in (0, 5), result.err
    notes = json.loads(result.out)["notes"]
    assert ("2 of 2 images: converted from RGB to grey" in notes) is (mode == "RGB")


def test_photographs_in_folders_and_a_net_of_torchvision(cli: Cli, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for name, size in (("cat", (300, 260)), ("dog", (256, 400))):
        (tmp_path / "photos" / name).mkdir(parents=True)
        pixels = rng.integers(0, 255, (*size, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / "photos" / name / "one.jpg")
    result = cli("audit", "--model", "torchvision:mobilenet_v3_small?weights=none",
                 "--data", f"imagefolder:{tmp_path / 'photos'}", "--attacks", "fgsm",
                 "--eps", "1/255", "--out", tmp_path / "run")  # fmt: skip
    assert result.code == 0, result.err
    summary = json.loads((tmp_path / "run" / "run.json").read_text())
    assert summary["model"]["classes"] == ["cat", "dog"]
    assert summary["clean"]["n"] == 2


SWALLOWS = """
import os, signal
try:
    os.kill(os.getpid(), signal.{name})
    signal.pause()
except BaseException:
    raise RecursionError("half imported") from None
"""


@pytest.mark.parametrize(("name", "code"), [("SIGINT", 130), ("SIGTERM", 143)])
def test_an_import_that_swallows_ctrl_c_is_no_error_of_anybody(
    tmp_path: Path, name: str, code: int
) -> None:
    """Ctrl-C during an import of torch ended now and then as a RecursionError in advkit."""
    (tmp_path / "net.py").write_text(SWALLOWS.format(name=name))
    done = subprocess.run(
        command("audit", "--model", "./net.py:make", "--data", "bundled:digits"), cwd=tmp_path,
        capture_output=True, text=True, env=os.environ | {"PYTHONPATH": str(ROOT)}, check=False,
    )  # fmt: skip
    assert done.returncode == code, done.stderr
    assert f"error[E{code}]: stopped" in done.stderr


LONG = command("audit", *NET, "--attacks", "pgd:steps=20000", "--norm", "L2", "--eps", "0.01",
               "--bounds", "off", "--fresh")  # fmt: skip
HEARS = ("env", "--default-signal=HUP")  # though the tests run under nohup


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143),
                                              (signal.SIGHUP, 129)])  # fmt: skip
def test_an_interrupted_run_says_how_to_go_on(tmp_path: Path, number: int, code: int) -> None:
    with begun([*HEARS, *LONG], tmp_path, stderr=subprocess.PIPE) as process:
        process.send_signal(number)
        began = time.monotonic()
        _, err = process.communicate(timeout=60)
        assert time.monotonic() - began < 10
    assert process.returncode == code, err
    (folder,) = (tmp_path / "runs").iterdir()
    assert f"to resume: advkit {' '.join(LONG[3:-1])} --out runs/{folder.name}" in err
    assert "Traceback" not in err


def test_a_run_ends_cleanly_with_its_terminal(tmp_path: Path) -> None:
    leader, terminal = os.openpty()
    streams = dict.fromkeys(("stdin", "stdout", "stderr"), terminal)
    with begun(["setsid", "--ctty", "--wait", *HEARS, *LONG], tmp_path, **streams) as process:
        os.close(terminal)
        os.close(leader)
        assert process.wait(timeout=60) == 129


def test_accuracy_of_guessing_is_told_and_refused_with_strict(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "net.py").write_text(
        "import torch\ndef make():\n"
        "    return torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 10))\n"
    )
    line = ("audit", "--model", f"{tmp_path}/net.py:make", "--data", "bundled:digits", "--limit",
            40, "--suite", "quick", "--eps", 0.05, "--bounds", "off", "--jobs", 1,
            "--out", tmp_path / "run")  # fmt: skip
    plain = cli(*line)
    assert plain.code == 0
    assert plain.out.startswith("Do not trust this number. Before any attack the model may be")
    result = cli(*line, "--strict")
    assert result.code == 5, result.err
    assert "it may be guessing among 10 classes" in result.err
    assert (tmp_path / "run" / "report.html").exists()
