"""Counts forward and backward passes at the input and output of models."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn


@dataclass
class Meter:
    """Passes so far; one sample through the model once is one pass."""

    forwards: int = 0
    backwards: int = 0


@contextmanager
def metered(*models: nn.Module) -> Iterator[Meter]:
    """Count the passes of all ``models`` that this thread makes within the block."""
    meter = Meter()
    count = counter(meter)
    handles = [model.register_forward_hook(count) for model in dict.fromkeys(models)]
    try:
        yield meter
    finally:
        for handle in handles:
            handle.remove()


def counter(meter: Meter) -> Callable[[nn.Module, tuple[Any, ...], Tensor], None]:
    """Return a forward hook with which ``meter`` counts the passes of this thread."""
    mine = threading.get_ident()

    def count_backward(gradient: Tensor) -> None:
        meter.backwards += len(gradient)

    def count(_module: nn.Module, inputs: tuple[Any, ...], output: Tensor) -> None:
        if threading.get_ident() != mine:
            return
        meter.forwards += len(inputs[0])
        if output.requires_grad:
            output.register_hook(count_backward)  # type: ignore[no-untyped-call]

    return count
