import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from advkit.attacks import ATTACKS
from advkit.cli import COMMANDS
from advkit.cli.completion import ZSH
from advkit.cli.completion_table import TABLE, written
from advkit.insight.methods import METHODS
from tests.cli.run_cli import Cli
from tests.cli.typed import in_fish, in_zsh


def completed(*words: str, said: str = "") -> list[str]:
    """Return what bash is answered after ``words``; ``said`` is Python to run at the end."""
    code = f"import sys; sys.argv = ['advkit']\nfrom advkit.cli import main\ntry: main()\n" \
           f"finally:\n    pass\n    {said or 'pass'}"  # fmt: skip
    environ = os.environ | {
        "_ADVKIT_COMPLETE": "bash_complete",
        "COMP_WORDS": " ".join(words),
        "COMP_CWORD": str(len(words) - 1),
    }
    done = subprocess.run(
        [sys.executable, "-c", code], env=environ, capture_output=True, text=True, timeout=20
    )
    assert done.stderr == ""
    return [line.partition(",")[2] for line in done.stdout.splitlines() if line]


def test_the_table_is_that_of_the_commands() -> None:
    """Written by `python -m advkit.cli.completion_table`."""
    assert TABLE.read_text(encoding="utf-8") == written()


def test_names_are_completed_without_torch() -> None:
    light = "assert not {'torch', 'numpy', 'tqdm'} & set(sys.modules), 'heavy'"
    assert completed("advkit", "", said=light) == sorted(COMMANDS)
    assert completed("advkit", "audit", "--at", said=light) == ["--attacks", "--attack"]
    assert completed("advkit", "audit", "--norm", "", said=light) == ["Linf", "L2", "L1"]
    assert completed("advkit", "attack", "ap", said=light) == [
        name for name in ATTACKS if name.startswith("ap")
    ]
    assert completed("advkit", "explain", "--method", "") == list(METHODS)
    assert "bundled:digits-cnn" in completed("advkit", "audit", "--model", "bundled:d")
    assert completed("advkit", "ls", "me") == ["methods"]
    assert completed("advkit", "nonsense", "--not-an-option") == []


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_of_a_shell(cli: Cli, shell: str) -> None:
    result = cli("completion", shell)
    assert (result.code, result.err) == (0, "")
    assert f"_ADVKIT_COMPLETE={shell}_complete" in result.out
    if shutil.which(shell):
        subprocess.run([shell, "-n"], input=result.out, text=True, check=True)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with advkit as a program, a model and runs."""
    (tmp_path / "advkit").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m advkit "$@"\n')
    (tmp_path / "advkit").chmod(0o755)
    (tmp_path / "mine.safetensors").touch()
    (tmp_path / "runs/first").mkdir(parents=True)
    return tmp_path


def test_bash_completes(cli: Cli, folder: Path) -> None:
    ask = "COMP_WORDS=(advkit audit --mode); COMP_CWORD=2; _advkit_completion advkit; " \
          'echo "${COMPREPLY[@]}"'  # fmt: skip
    root = str(Path(__file__).parents[2])
    environ = os.environ | {"PATH": f"{folder}:{os.environ['PATH']}", "PYTHONPATH": root}
    done = subprocess.run(
        ["bash", "-c", cli("completion", "bash").out + ask],
        env=environ, capture_output=True, text=True, timeout=20,
    )  # fmt: skip
    assert done.stdout.split()[0] == "--model", done.stderr


TYPED = {
    "advkit aud": "advkit audit ",
    "advkit audit --preproc": "advkit audit --preprocess ",
    "advkit audit --norm Li": "advkit audit --norm Linf ",
    "advkit audit --model bundled:d": "advkit audit --model bundled:digits-cnn ",
    "advkit audit --model=bundled:d": "advkit audit --model=bundled:digits-cnn ",
    "advkit audit --model mi": "advkit audit --model mine.safetensors ",
    "advkit attack apgd_": "advkit attack apgd_targeted ",
    "advkit show runs/fi": "advkit show runs/first/",
    "advkit audit --out=ru": "advkit audit --out=runs/",
}


@pytest.mark.skipif(not shutil.which("zsh"), reason="there is no zsh")
@pytest.mark.parametrize("line", TYPED)
def test_zsh_completes(cli: Cli, folder: Path, line: str) -> None:
    (folder / "script").write_text(cli("completion", "zsh").out)
    assert in_zsh(line, folder) == TYPED[line]


@pytest.mark.skipif(not shutil.which("fish"), reason="there is no fish")
@pytest.mark.parametrize("line", TYPED)
def test_fish_completes(cli: Cli, folder: Path, line: str) -> None:
    (folder / "script").write_text(cli("completion", "fish").out)
    assert in_fish(line, folder) == [TYPED[line].split()[-1]]


def test_what_is_changed_in_the_script_for_zsh_is_there(cli: Cli) -> None:
    script = cli("completion", "zsh").out
    assert all(script.count(ours) == 1 for ours in ZSH.values())


def test_methods_are_listed(cli: Cli) -> None:
    rows = json.loads(cli("ls", "methods", "--json").out)
    assert [row["name"] for row in rows] == list(METHODS)
    assert all(row["about"] and row["limits"] for row in rows)
    assert "integrated_gradients" in cli("ls", "methods").out
    assert cli("ls", "methods", "--norm", "L2").code == 2
