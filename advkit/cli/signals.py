"""The signals that end a command, noted.

A library whose import Ctrl-C falls into may swallow it, and fail later with an error of its own.
"""

import signal
from collections.abc import Callable, Mapping
from functools import partial
from types import FrameType

Handler = Callable[[int, FrameType | None], object]
_ARRIVED: list[int] = []


def catch(handlers: Mapping[int, Handler]) -> None:
    """Install a handler per signal; Ctrl-C that is ignored, as in a background job, stays so."""
    _ARRIVED.clear()
    for number, handler in handlers.items():
        if number != signal.SIGINT or signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, partial(_note, handler))


def arrived() -> int | None:
    """Return the first signal that arrived, if any."""
    return _ARRIVED[0] if _ARRIVED else None


def _note(handler: Handler, number: int, frame: FrameType | None) -> None:
    _ARRIVED.append(number)
    handler(number, frame)
