"""The errors that advkit raises on purpose; each knows the exit code of the command line."""

from collections.abc import Iterable
from difflib import get_close_matches


class AdvkitError(Exception):
    """What a person can mend: one line that repeats the request, and what to do (`hint`)."""

    exit_code = 70

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class UsageError(AdvkitError):
    """The request itself is wrong: an unknown name, a value out of range."""

    exit_code = 2


class InputError(AdvkitError):
    """The model, the data, the labels or a file cannot be used as they are."""

    exit_code = 3


class InapplicableError(InputError):
    """A method that says nothing of this model, or nothing of this image."""


class UnsafeError(AdvkitError):
    """The file could run code when loaded; it was not opened."""

    exit_code = 4


class EmptyError(AdvkitError):
    """There is nothing to evaluate."""

    exit_code = 5


class ResourceError(AdvkitError):
    """Memory or disk ran out."""

    exit_code = 7


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return a hint that names the nearest of ``known``, or all of them.

    Letters in another order are nearest: the commonest slip.
    """
    names = sorted(known)
    close = [each for each in names if sorted(each) == sorted(name)]
    close = close or get_close_matches(name, names, n=1, cutoff=0.5)
    return f"did you mean {close[0]}?" if close else f"known: {', '.join(names)}"
