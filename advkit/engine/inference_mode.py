"""Keep gradients in models that call `torch.inference_mode`."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock, local

import torch

_HERE, _LOCK = local(), Lock()
_ENTER = torch.inference_mode.__enter__
_INSIDE: list[object] = []
"""Active blocks of all threads; the original method is restored when the last one ends."""


@contextmanager
def without_inference(found: set[str]) -> Iterator[None]:
    """Disable `torch.inference_mode` in this thread; add to ``found`` if a model entered it.

    A function mode cannot intercept it, and tensors made under it never have gradients.
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
