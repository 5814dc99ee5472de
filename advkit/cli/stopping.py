"""How a command is stopped: Ctrl-C, SIGTERM, or its terminal is closed."""

import os
import signal
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from types import FrameType
from typing import NoReturn

Handler = Callable[[int, FrameType | None], object]
_ARRIVED: list[int] = []


class Terminated(BaseException):
    """SIGTERM arrived."""

    exit_code = 143


class HungUp(Terminated):
    """SIGHUP arrived: the terminal was closed."""

    exit_code = 129


@contextmanager
def resumable(command: str, resumes: bool = True) -> Iterator[None]:
    """Print the command that resumes the run, or begins it again, if the block is interrupted."""
    kept = (
        "what was finished is safe; to resume" if resumes else "nothing was saved; to begin again"
    )
    try:
        yield
    except (KeyboardInterrupt, Terminated) as error:
        raise type(error)(f"{kept}: {command}") from error


def catch_signals() -> None:
    """Let SIGTERM and SIGHUP end the command like Ctrl-C, and note which signal arrived.

    Ctrl-C and SIGHUP stay ignored where they are: in a background job, under `nohup`.
    """
    _ARRIVED.clear()
    _catch(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, partial(_note, _terminate))
    if hasattr(signal, "SIGHUP"):
        _catch(signal.SIGHUP, _hang_up)


def arrived() -> int | None:
    """Return the first signal that arrived, if any.

    A library whose import a signal falls into may swallow it, and fail with an error of its own.
    """
    return _ARRIVED[0] if _ARRIVED else None


def _catch(number: int, handler: Handler) -> None:
    if signal.getsignal(number) != signal.SIG_IGN:
        signal.signal(number, partial(_note, handler))


def _note(handler: Handler, number: int, frame: FrameType | None) -> None:
    _ARRIVED.append(number)
    handler(number, frame)


def _terminate(_number: int, _frame: FrameType | None) -> NoReturn:
    raise Terminated


def _hang_up(_number: int, _frame: FrameType | None) -> NoReturn:
    """End the command; what it still writes to a terminal that is gone goes nowhere."""
    for number in (1, 2):
        with suppress(OSError):
            if stat.S_ISCHR(os.fstat(number).st_mode) and not os.isatty(number):
                os.dup2(os.open(os.devnull, os.O_WRONLY), number)
    raise HungUp
