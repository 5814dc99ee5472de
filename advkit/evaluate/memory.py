"""Out-of-memory errors: recognised by their text, and handled by halving the batch."""

from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

WORDS = ("out of memory", "not enough memory", "can't allocate memory", "cannot allocate memory")


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether ``error`` says that memory ran out, on the CPU or on a GPU."""
    return isinstance(error, MemoryError) or any(word in str(error).lower() for word in WORDS)


def halved(do: Callable[[list[int]], T], at: list[int]) -> list[T]:
    """Return ``[do(at)]``, or the results for parts of ``at`` that fit into memory.

    Raises what ``do`` raises, including an out-of-memory error for a single sample.
    """
    try:
        return [do(at)]
    except Exception as error:
        if len(at) == 1 or not is_out_of_memory(error):
            raise
    # Outside of the handler, which keeps the memory of the failed attempt alive.
    middle = len(at) // 2
    return halved(do, at[:middle]) + halved(do, at[middle:])
