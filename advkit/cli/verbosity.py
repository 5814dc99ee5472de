"""Verbosity: -v, -vv, -q, and --log-file, which gets everything."""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from advkit.cli.failures import printable
from advkit.errors import AdvkitError, InputError

LOG = logging.getLogger("advkit")
FILE = logging.getLogger("advkit-log-file")  # for messages that stderr gets in another form
FILE.addHandler(logging.NullHandler())  # else messages without a log file would go to stderr
FORM = "%(asctime)s %(levelname)s %(message)s"
LEVELS = (logging.WARNING, logging.INFO, logging.DEBUG)


@contextmanager
def heard(verbose: int, log_file: Path | None) -> Iterator[None]:
    """Log to stderr at the level of ``verbose``; to ``log_file`` everything, errors included."""
    handlers = [_to_stderr(verbose)] + ([_to_file(log_file)] if log_file else [])
    before = LOG.level, LOG.propagate, FILE.propagate
    LOG.setLevel(logging.DEBUG)
    LOG.propagate = FILE.propagate = False
    for handler in handlers:
        LOG.addHandler(handler)
    for handler in handlers[1:]:
        FILE.addHandler(handler)
    try:
        yield
    except AdvkitError as error:
        FILE.error("[%s] %s (%s)", error.code, printable(str(error)), printable(error.hint))
        raise
    except BaseException:
        FILE.exception("stopped")
        raise
    finally:
        for handler in handlers:
            LOG.removeHandler(handler)
            FILE.removeHandler(handler)
            handler.close()
        LOG.setLevel(before[0])
        LOG.propagate, FILE.propagate = before[1:]


def _to_stderr(verbose: int) -> logging.Handler:
    handler = logging.StreamHandler(sys.stderr)
    handler.setLevel(LEVELS[min(verbose, 2)])
    return handler


def _to_file(file: Path) -> logging.Handler:
    try:
        handler = logging.FileHandler(file, encoding="utf-8")
    except OSError as error:
        raise InputError(f"--log-file {file}: {error.strerror}", code="E311") from error
    handler.setFormatter(logging.Formatter(FORM))
    return handler
