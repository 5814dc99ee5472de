"""Run the command line in this process, as `main` does, exit code and both streams included."""

import sys
from collections.abc import Sequence
from typing import NamedTuple

import click
import pytest

from advkit.cli import cli, main
from advkit.cli.said_twice import with_anew


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
        """Run ``usual`` with ``words``, which replace what it says of the same options."""
        command = cli.get_command(click.Context(cli), str(usual[0]))
        assert command is not None
        return self(*with_anew(command, [*map(str, usual)], [*map(str, words)]))
