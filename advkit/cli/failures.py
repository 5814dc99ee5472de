"""What a person sees when something fails, and the exit code for it.

0 ok; 1 a --fail-under gate failed; 2 usage; 3 bad input; 4 refused, could run code; 5 nothing to
evaluate; 6 not to be trusted, with --strict; 7 out of memory or disk; 70 a bug in advkit; 130
Ctrl-C; 143 SIGTERM.
"""

import os
import signal
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

import click

from advkit.errors import AdvkitError
from advkit.evaluate.memory import is_out_of_memory

STOPPED = (130, 143)


class GateError(AdvkitError):
    """The result is below what was asked for."""

    exit_code = 1


class UntrustedError(AdvkitError):
    """The checks of an audit say not to trust its number."""

    exit_code = 6


class Terminated(BaseException):
    """SIGTERM arrived."""


@contextmanager
def resumable(command: str) -> Iterator[None]:
    """Say by which command to go on if the block is stopped from outside."""
    try:
        yield
    except (KeyboardInterrupt, Terminated) as error:
        raise type(error)(f"what was finished is safe; to go on: {command}") from error


def guarded(command: click.Command) -> NoReturn:
    """Run ``command``; leave with the documented exit code and one line for each failure."""
    signal.signal(signal.SIGTERM, _terminate)
    try:
        code = command.main(prog_name="advkit", standalone_mode=False)
        sys.stdout.flush()
    except BrokenPipeError:
        _close_stdout()
        sys.exit(0)
    except (Exception, KeyboardInterrupt, Terminated) as error:
        code = _explain(error)
        if code in STOPPED:
            sys.stderr.flush()
            os._exit(code)  # not wait for the shards that other threads are at
        sys.exit(code)
    sys.exit(code if isinstance(code, int) else 0)


def say(text: str) -> None:
    """Print a result; a reader that went away (`| head`) is no failure, and there is no more to do.

    click would leave with code 1, which is that of a failed gate.
    """
    try:
        click.echo(text)
        sys.stdout.flush()
    except BrokenPipeError:
        _close_stdout()


def _close_stdout() -> None:
    """Send what is still to be written to nobody: the reader went away (`| head`)."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _terminate(_number: int, _frame: FrameType | None) -> NoReturn:
    raise Terminated


def _explain(error: BaseException) -> int:
    if isinstance(error, click.exceptions.Exit):
        return error.exit_code
    if isinstance(error, click.Abort) and error.__cause__:
        error = error.__cause__  # click hides Ctrl-C in it
    if _very_verbose():
        traceback.print_exception(error)
    if isinstance(error, click.ClickException):
        error.show()
        return error.exit_code
    if isinstance(error, AdvkitError):
        _say(str(error), error.hint)
        return error.exit_code
    if isinstance(error, KeyboardInterrupt | click.Abort | Terminated):
        _say("stopped", str(error) or "what was finished is safe")
        return 143 if isinstance(error, Terminated) else 130
    if is_out_of_memory(error):
        _say("out of memory", "give a smaller --batch-size")
        return 7
    _say(f"this is a bug in advkit: {type(error).__name__}: {error}", "see where: advkit -vv ...")
    return 70


def _very_verbose() -> bool:
    return "-vv" in sys.argv or sys.argv.count("-v") > 1


def _say(message: str, hint: str) -> None:
    line = " ".join(_printable(message).split())
    click.secho(f"error: {line}", err=True, fg=None if "NO_COLOR" in os.environ else "red")
    if hint:
        click.echo(f"  {_printable(hint)}", err=True)


def _printable(text: str) -> str:
    """Keep names from a user's data from steering the terminal."""
    return "".join(c if c.isprintable() or c.isspace() else "?" for c in text)
