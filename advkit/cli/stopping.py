"""How a command is stopped: Ctrl-C, SIGTERM, or its terminal is closed."""

import os
import signal
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import NoReturn


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
    """Let SIGTERM and SIGHUP end the command like Ctrl-C; what `nohup` ignores stays ignored."""
    signal.signal(signal.SIGTERM, _terminate)
    if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:
        signal.signal(signal.SIGHUP, _hang_up)


def _terminate(_number: int, _frame: FrameType | None) -> NoReturn:
    raise Terminated


def _hang_up(_number: int, _frame: FrameType | None) -> NoReturn:
    """End the command; what it still writes to a terminal that is gone goes nowhere."""
    for number in (1, 2):
        with suppress(OSError):
            if stat.S_ISCHR(os.fstat(number).st_mode) and not os.isatty(number):
                os.dup2(os.open(os.devnull, os.O_WRONLY), number)
    raise HungUp
