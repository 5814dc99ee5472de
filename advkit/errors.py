"""The errors that advkit raises deliberately.

Each has an exit code for the command line, and an error code (`advkit/error_codes.py`).
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from difflib import get_close_matches


@contextmanager
def naming(what: object) -> Iterator[None]:
    """Give OSErrors of the block a file name: the system gives none where the disk is full."""
    try:
        yield
    except OSError as error:
        error.filename = error.filename or str(what)
        raise


class AdvkitError(Exception):
    """An error that the user can fix: a line that repeats the request, and advice (`hint`).

    ``code`` is for `advkit explain-error`; each class has a default.

    >>> try:
    ...     advkit.load_model("bundled:digits-cn")
    ... except advkit.AdvkitError as error:
    ...     print(error, "|", error.hint, "|", error.code, error.exit_code)
    there is no bundled model 'digits-cn' | did you mean digits-cnn? | E205 2
    """

    exit_code = 70
    code = "E070"

    def __init__(self, message: str, hint: str = "", *, code: str = "") -> None:
        super().__init__(message)
        self.hint = hint
        if hint:
            self.add_note(hint)  # appended to a traceback in Python
        self.code = code or type(self).code


class UsageError(AdvkitError, ValueError):
    """The request itself is wrong: an unknown name, a value out of range."""

    exit_code = 2
    code = "E200"


class UnknownNameError(UsageError):
    """There is nothing with this name."""

    code = "E205"


class InputError(AdvkitError):
    """The model, the data, the labels or a file cannot be used as they are."""

    exit_code = 3
    code = "E300"


class InapplicableError(InputError):
    """A method that does not apply to this model or image."""

    code = "E316"


class UnsafeError(AdvkitError):
    """The file could run code when loaded; it was not opened."""

    exit_code = 4
    code = "E400"


class EmptyError(AdvkitError):
    """There is nothing to evaluate."""

    exit_code = 5
    code = "E500"


class ResourceError(AdvkitError):
    """Memory or disk ran out."""

    exit_code = 7
    code = "E700"


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return a hint with the nearest of ``known``, or with all of them.

    Transposed letters count as nearest: the most common typo.
    """
    names = {each.lower(): each for each in sorted(known)}
    asked = name.lower()
    close = [each for each in names if sorted(each) == sorted(asked)]
    close = [names[each] for each in close or get_close_matches(asked, names, n=1, cutoff=0.5)]
    return f"did you mean {close[0]}?" if close else f"known: {', '.join(names.values())}"
