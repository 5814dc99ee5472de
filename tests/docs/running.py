"""Execution of a page's blocks, in a separate directory."""

import itertools
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import click
import pytest

from advkit.cli import cli as commands
from advkit.cli.repeated_options import with_anew
from tests.cli.run_cli import Cli
from tests.docs.blocks import ROOT, needs_a_shell, words
from tests.docs.small import fewer

# Allowed exit codes besides 0, for commands with a gate.
# `retry` after a run without failures has nothing to do.
VERDICTS = {"retry": 5, "--require": 1, "--fail-under": 1, "--strict": 6}
DONE: set[str] = set()  # commands that neither read nor write runs, so that they need not run again


class Page:
    """The working directory of a page, its Python namespace, and the printed output."""

    def __init__(self, place: Path, cli: Cli, captured: pytest.CaptureFixture[str]) -> None:
        self.place, self._cli, self._captured = place, cli, captured
        self.printed = ""
        self._space: dict[str, Any] = {}
        self._made: set[str] = set()

    def write(self, name: str, text: str) -> None:
        """Write a block to a file."""
        (self.place / name).write_text(text, encoding="utf-8")

    def command(self, line: str) -> None:
        """Run a line of a block; raises AssertionError with its output."""
        if needs_a_shell(line):
            self._shell(line)
        elif words(line)[0] == "python" and words(line)[1] != "-m":
            self.python((self.place / words(line)[1]).read_text("utf-8"), {"__name__": "__main__"})
        elif words(line)[:3] == ["python", "-m", "advkit"]:
            self.command(line.removeprefix("python -m "))
        elif words(line)[0] != "advkit":
            self._shell(line)
        elif shlex.join(words(line)) not in DONE:
            self._advkit(line)

    def _advkit(self, line: str) -> None:
        said = words(line)[1:]
        self._clear(said)
        command = parsed(said).command
        given = with_anew(command, said, fewer(said, command))
        if said[0] == "merge":
            shutil.copytree(self.place / "sharded", self.place / said[1])
        done = self._cli(*given)
        allowed = {0, *(code for word, code in VERDICTS.items() if word in said)}
        assert done.code in allowed, f"{line}\nexit {done.code}\n{done.out[-800:]}{done.err[-800:]}"
        self.printed += done.out + done.err
        if not {"--out", "-o"} & set(said) and "runs/" not in line:
            DONE.add(shlex.join(words(line)))

    def _clear(self, said: list[str]) -> None:
        """Remove a run of the workbench from the output directory of this command."""
        for option, value in itertools.pairwise(said):
            if option == "--out" and value not in self._made:
                _remove(self.place / value)
                self._made.add(value)
        if said[0] == "merge":
            _remove(self.place / said[1])

    def _shell(self, line: str) -> None:
        path = f"{self._programs()}:{os.environ['PATH']}"
        done = subprocess.run(
            ["bash", "-e", "-c", line], cwd=self.place, capture_output=True, text=True,
            env={**os.environ, "PATH": path, "PYTHONPATH": str(ROOT)}, check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"{line}\nexit {done.returncode}\n{done.stderr[-800:]}"
        self.printed += done.stdout + done.stderr

    def _programs(self) -> Path:
        """Return a directory with the programs of this installation."""
        place = self.place / "bin"
        for name, rest in {"advkit": "-m advkit ", "python": ""}.items():
            place.mkdir(exist_ok=True)
            (place / name).write_text(f'#!/bin/sh\nexec {sys.executable} {rest}"$@"\n')
            (place / name).chmod(0o755)
        return place

    def python(self, code: str, names: dict[str, Any] | None = None) -> None:
        """Execute a block in the namespace of earlier blocks, or a program with ``names``."""
        self._captured.readouterr()
        exec(compile(code, "block", "exec"), self._space if names is None else names)
        self.printed += self._captured.readouterr().out

    def shown(self, text: str) -> None:
        """Compare a block of output with the printed output: every word, except numbers."""
        if not self.printed:
            return  # the output of a command that is not executed
        for line in text.splitlines():
            missing = set(re.findall(r"[A-Za-z]{2,}", line)) - set(
                re.findall(r"[A-Za-z]{2,}", self.printed)
            )
            assert not missing, f"{line!r} is not printed: {missing}"


def _remove(path: Path) -> None:
    shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)


def parsed(said: list[str]) -> click.Context:
    """Return a command as parsed by click; raises for unknown words."""
    group = click.Context(commands, info_name="advkit")
    command = commands.get_command(group, said[0])
    assert command is not None, said
    return command.make_context(said[0], list(said[1:]), parent=group, resilient_parsing=False)
