"""A worker process: reads units, does them, writes the outcomes, until its run ends.

It is started by `advkit.evaluate.supervisor` and connected by two pipes only. Output that the model
prints goes to stderr: stdout is the pipe.
"""

import os
import pkgutil
import signal
import sys
import threading
import time
from typing import Any

from advkit.errors import AdvkitError, InputError
from advkit.evaluate.messages import receive, receive_unit, send, send_outcomes
from advkit.evaluate.units import Do


def serve(parent: int) -> None:
    """Serve the process ``parent``; its first message says what to build."""
    for name in ("SIGINT", "SIGHUP"):  # handled by the run, which then ends this process
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    threading.Thread(target=_leave_with, args=[parent], daemon=True).start()
    asked, told = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    try:
        head, _ = receive(asked)
        try:
            do = begin(head)
        except InputError as error:
            send(told, {"refused": str(error), "hint": error.hint})
            return
        send(told, {"host": os.uname().nodename if hasattr(os, "uname") else ""})
        while True:
            send_outcomes(told, do(receive_unit(asked)))
    except (EOFError, BrokenPipeError):
        return


def begin(head: dict[str, Any]) -> Do:
    """Return what ``head['build']`` (package.module:function) makes of ``head['recipe']``.

    Raises InputError for any failure.
    """
    try:
        return pkgutil.resolve_name(head["build"])(head["recipe"])  # type: ignore[no-any-return]
    except AdvkitError as error:
        raise InputError(f"a worker cannot begin: {error}", error.hint) from error
    except Exception as error:
        what = f"{type(error).__name__}: {error}"
        raise InputError(f"a worker cannot begin: {what}") from error


def _leave_with(parent: int) -> None:
    """End this process when its run ends, even if the model hangs."""
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(1)
