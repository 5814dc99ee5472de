"""Error messages and exit codes.

0 ok; 1 a --fail-under gate failed; 2 usage; 3 bad input; 4 refused, could run code; 5 nothing to
evaluate; 6 not to be trusted, with --strict; 7 out of memory or disk; 70 a bug in advkit; 129
the terminal was closed (SIGHUP); 130 Ctrl-C; 143 SIGTERM.
"""

import errno
import os
import sys
import traceback
from typing import NamedTuple, NoReturn

import click
from click.core import ParameterSource

from advkit.cli.stopping import Terminated, arrived, catch_signals
from advkit.cli.suggestions import hint_for
from advkit.errors import AdvkitError, naming
from advkit.evaluate.memory import is_out_of_memory

STOPPED = (129, 130, 143)
FULL = (errno.ENOSPC, errno.EDQUOT)


class GateError(AdvkitError):
    """The result is below the required value."""

    exit_code = 1
    code = "E100"


class UntrustedError(AdvkitError):
    """The trust checks of an audit failed, with --strict."""

    exit_code = 6
    code = "E600"


def guarded(command: click.Command) -> NoReturn:
    """Run ``command``; exit with the documented code and one line for each failure."""
    sys.stdout = sys.stdout or open(os.devnull, "w")  # noqa: SIM115, PTH123 - it was closed: `>&-`
    sys.stderr = sys.stderr or open(os.devnull, "w")  # noqa: SIM115, PTH123
    catch_signals()
    try:
        code = command.main(prog_name="advkit", standalone_mode=False)
        with naming("standard output"):
            sys.stdout.flush()
    except BrokenPipeError:
        _close_stdout()
        sys.exit(0)
    except (Exception, KeyboardInterrupt, Terminated) as error:
        code = _explain(error)
        if code in STOPPED:
            sys.stderr.flush()
            os._exit(code)  # does not wait for the other threads
        _drop_what_cannot_be_written()
        sys.exit(code)
    sys.exit(code if isinstance(code, int) else 0)


def say(text: str) -> None:
    """Print a result; a closed pipe (`| head`) is not an error.

    click would exit with code 1, which is that of a failed gate.
    """
    try:
        with naming("standard output"):
            click.echo(text)
            sys.stdout.flush()
    except BrokenPipeError:
        _close_stdout()


def _drop_what_cannot_be_written() -> None:
    """Discard unwritten output: Python would retry at exit, and fail with its own code."""
    try:
        sys.stdout.flush()
    except OSError:
        _close_stdout()


def _close_stdout() -> None:
    """Redirect stdout to nowhere, after the reader closed the pipe (`| head`)."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _explain(error: BaseException) -> int:
    if isinstance(error, click.exceptions.Exit):
        return error.exit_code
    if isinstance(error, click.Abort) and error.__cause__:
        error = error.__cause__  # click wraps Ctrl-C in it
    if _very_verbose():
        traceback.print_exception(error)
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        error.show()
        return error.exit_code
    told = _told(error)
    if told.usage:
        click.echo(told.usage, err=True)
    _say(told)
    return told.exit_code


class Told(NamedTuple):
    """An error as shown to the user."""

    code: str
    exit_code: int
    message: str
    hint: str = ""
    usage: str = ""


def _told(error: BaseException) -> Told:
    number = arrived()
    if (
        number
        and isinstance(error, Exception)
        and not isinstance(error, GateError | UntrustedError | click.Abort)
    ):
        return _stopped(128 + number)
    if isinstance(error, click.ClickException):
        return _of_click(error)
    if isinstance(error, AdvkitError):
        return Told(error.code, error.exit_code, str(error), error.hint)
    if isinstance(error, KeyboardInterrupt | click.Abort | Terminated):
        return _stopped(error.exit_code if isinstance(error, Terminated) else 130, str(error))
    if is_out_of_memory(error):
        return Told("E700", 7, "out of memory", "give a smaller --batch-size")
    if isinstance(error, OSError) and (error.filename is not None or error.errno in FULL):
        return _of_system(error)
    kind = f"{type(error).__name__}: {error}"
    return Told("E070", 70, f"this is a bug in advkit: {kind}", "see where: advkit -vv ...")


def _stopped(code: int, kept: str = "") -> Told:
    return Told(f"E{code}", code, "stopped", kept or "what was finished is safe")


def _of_click(error: click.ClickException) -> Told:
    kinds = (
        (click.NoSuchOption, "E202"),
        (click.MissingParameter, "E204"),
        (click.BadOptionUsage, "E204"),
        (click.BadParameter, "E203"),
    )
    many = "unexpected extra argument" in error.message
    usual = "E202" if many else "E200"
    usual = "E201" if error.message.startswith("No such command") else usual
    code = next((code for kind, code in kinds if isinstance(error, kind)), usual)
    option = isinstance(error, click.NoSuchOption)  # its message would contain click's own hint
    message = error.message if option else error.format_message()
    context = getattr(error, "ctx", None)
    hint = _environment(context, getattr(error, "param", None)) or hint_for(error)
    usage = context.get_usage() if context else ""
    return Told(code, error.exit_code, message, hint, usage)


def _environment(context: click.Context | None, param: click.Parameter | None) -> str:
    """Return the environment variable from which an invalid value came, if any."""
    if context is None or param is None:
        return ""
    source = context.get_parameter_source(str(param.name))
    return f"it is from {param.envvar}" if source == ParameterSource.ENVIRONMENT else ""


def _of_system(error: OSError) -> Told:
    """Return the message for an OSError: it names the file, and is no bug of advkit."""
    what = f"{error.filename or 'the run directory'}: {error.strerror}"
    if error.errno in FULL:
        return Told("E700", 7, what, "what was finished is safe; give --out on another disk")
    return Told("E301" if isinstance(error, FileNotFoundError) else "E311", 3, what)


def _very_verbose() -> bool:
    words = sys.argv[1:]
    return "-vv" in words or words.count("-v") + words.count("--verbose") > 1


def _say(told: Told) -> None:
    line = " ".join(printable(told.message).split())
    colour = None if os.environ.get("NO_COLOR") else "red"
    click.secho(f"error[{told.code}]: {line}", err=True, fg=colour)
    if told.hint:
        click.echo(f"  {printable(told.hint)}", err=True)
    click.echo(f"  more: advkit explain-error {told.code}", err=True)


def printable(text: str) -> str:
    """Return ``text`` with control characters replaced by ?, as names come from users' data."""
    return "".join(c if c.isprintable() or c.isspace() else "?" for c in text)
