"""What a model does under `torch.inference_mode`, but with gradients."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock, local

import torch

_HERE, _LOCK = local(), Lock()
_ENTER = torch.inference_mode.__enter__
_INSIDE: list[object] = []
"""Of all threads; torch goes back to its own way of entering when the last one leaves."""


@contextmanager
def without_inference(found: set[str]) -> Iterator[None]:
    """Let no `torch.inference_mode` begin in this thread; tell ``found`` of each that would have.

    No function mode sees it begin, and what comes out of it takes no gradient any more.
    """
    before, _HERE.found = getattr(_HERE, "found", None), found
    with _LOCK:
        _INSIDE.append(found)
        torch.inference_mode.__enter__ = _enter  # type: ignore[method-assign]
    try:
        yield
    finally:
        _HERE.found = before
        with _LOCK:
            _INSIDE.pop()
            if not _INSIDE:
                torch.inference_mode.__enter__ = _ENTER  # type: ignore[method-assign]


def _enter(asked: torch.inference_mode) -> None:
    found = getattr(_HERE, "found", None)
    if found is None or not asked.mode:
        return _ENTER(asked)
    found.add("inference_mode")
    asked.mode = False
    try:
        return _ENTER(asked)
    finally:
        asked.mode = True
