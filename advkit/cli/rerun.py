"""Rerun the command of an earlier run, from its record: resume, retry, merge."""

import os
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

import click

from advkit.cli.repeated_options import with_anew
from advkit.errors import InputError, UnsafeError

NOT_FROM_A_FILE = ("--allow-unsafe-load", "--allow-code", "--trust-type")
"""Options that users must repeat: a run directory may come from somebody else."""


def latest() -> Path:
    """Return the newest unfinished run under runs/; raises InputError if there is none."""
    from advkit.evaluate.earlier_run import record_of

    begun = sorted(Path("runs").glob("*/progress.json"), reverse=True)
    for file in begun:
        if not record_of(file.parent).get("finished"):
            return file.parent
    raise InputError("there is no unfinished run under runs/", "name one: advkit resume RUN")


def go_on(folder: Path, more: Sequence[str] = ()) -> None:
    """Rerun the command that started the run in ``folder``, with the options ``more`` added.

    In its original working directory, if that still exists, as specs may be relative. Raises
    InputError if there is no run, or one started from Python, and UnsafeError.
    """
    command, where = _recorded(folder)
    words = _again(shlex.split(command)[1:], folder.resolve(), more)
    if where.is_dir() and where != Path.cwd():
        click.echo(f"in {where}", err=True)
        os.chdir(where)
    click.echo(shlex.join(["advkit", *words]), err=True)
    from advkit.cli import cli

    sys.argv = ["advkit", *words]  # recorded as the command of the run
    cli.main(words, prog_name="advkit", standalone_mode=False)


def _recorded(folder: Path) -> tuple[str, Path]:
    from advkit.evaluate.earlier_run import check_version, record_of
    from advkit.evaluate.run_folder import check_there
    from advkit.evaluate.run_progress import noted_in

    check_there(folder)
    record, noted = record_of(folder), noted_in(folder)
    check_version(record, folder)
    command = {**record, **noted}.get("command")
    if command is None:
        raise InputError(f"{folder} is not a run directory", "give one that advkit wrote")
    if not command:
        raise InputError(
            f"the run in {folder} was started from Python", f"call the same again with out={folder}"
        )
    return command, Path(noted.get("directory", "."))


def _again(words: Sequence[str], folder: Path, more: Sequence[str]) -> list[str]:
    """Return the command with its present directory, and with options replaced by ``more``."""
    unsafe = [word for word in NOT_FROM_A_FILE if word in words and word not in more]
    if unsafe:
        raise UnsafeError(
            f"the run in {folder} was started with {unsafe[0]}",
            "repeat the option to allow it again",
        )
    kept = [word for word in words if word != "--fresh"]
    return with_anew(_command_in(words), kept, ["--out", _near(folder), *more])


def _command_in(words: Sequence[str]) -> click.Command:
    from advkit.cli import COMMANDS, cli

    name = next((word for word in words if word in COMMANDS), "".join(words[:1]))
    found = cli.get_command(click.Context(cli), name)
    assert found is not None  # noqa: S101 - for an unknown name it raises
    return found


def _near(folder: Path) -> str:
    return str(folder.relative_to(Path.cwd())) if folder.is_relative_to(Path.cwd()) else str(folder)
