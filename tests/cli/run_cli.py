"""Run the command line in this process, like `main`, with exit code and both streams.

Also shared by tests of `audit` and `attack`: arguments of a quick run, and its saved results.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import click
import numpy as np
import pandas as pd
import pytest
import torch
from torch import Tensor

from advkit.cli import cli, main
from advkit.cli.repeated_options import with_anew

ROOT = Path(__file__).parents[2]
NET = ("--model", "tests.evaluate.small:digits_net", "--data", "bundled:digits")
QUICK_AUDIT = (*NET, "--limit", "40", "--attacks", "fgsm", "--eps", "0.05,0.1")
QUICK_ATTACK = (*NET, "--limit", "30")


class Result(NamedTuple):
    code: int
    out: str
    err: str


class Cli:
    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self._monkeypatch, self._capsys = monkeypatch, capsys

    def __call__(self, *words: object) -> Result:
        self._monkeypatch.setattr(sys, "argv", ["advkit", *map(str, words)])
        self._capsys.readouterr()
        with pytest.raises(SystemExit) as left:
            main()
        out, err = self._capsys.readouterr()
        return Result(int(left.value.code or 0), out, err)

    def but(self, usual: Sequence[object], *words: object) -> Result:
        """Run ``usual`` with ``words``, which override its values of the same options."""
        command = cli.get_command(click.Context(cli), str(usual[0]))
        assert command is not None
        return self(*with_anew(command, [*map(str, usual)], [*map(str, words)]))


def command(*words: object) -> list[str]:
    """Return the command line that starts advkit in a new process."""
    return [sys.executable, "-m", "advkit", *map(str, words)]


@contextmanager
def begun(words: Sequence[str], where: Path, **streams: Any) -> Iterator[subprocess.Popen[str]]:
    """Run ``words`` in ``where``; yield the process in the middle of its run; kill it at last."""
    env = os.environ | {"PYTHONPATH": str(ROOT)}
    with subprocess.Popen(words, text=True, cwd=where, env=env, **streams) as process:
        try:
            while process.poll() is None and not list(where.glob("runs/*/run.json")):
                time.sleep(0.01)
            time.sleep(0.3)
            yield process
        finally:
            process.kill()


def saved(out: Path) -> tuple[dict, pd.DataFrame, Tensor]:
    """Return the summary, the table and the examples of an attack."""
    with np.load(out / "examples.npz", allow_pickle=False) as file:
        x_adv = torch.from_numpy(file["x_adv"])
    return json.loads((out / "run.json").read_text()), pd.read_csv(out / "table.csv"), x_adv
