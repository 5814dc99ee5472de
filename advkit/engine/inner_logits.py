"""The logits of a module inside the model, before the model processes them further."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn

from advkit.engine.layers import takes_hooks
from advkit.engine.objectives import Model
from advkit.engine.substitute_gradients import showing


def inner_logits(model: Model) -> Model:
    """Return the model without its last operations on the logits of an inner module.

    The logits are the last module output in the shape of the model's output that is not this output
    itself. If there is none, the output stays as it is.
    """

    def ask(x: Tensor) -> Tensor:
        with _given(model) as given:
            outputs = model(x)
        for logits in reversed(given):
            if logits.shape[1:] == outputs.shape[1:] and _apart(logits, outputs):
                return logits[: len(outputs)].to(outputs.dtype)  # the rest is padding
        return outputs

    return showing(ask, model)


def _apart(logits: Tensor, outputs: Tensor) -> bool:
    """Return whether ``logits`` differ from ``outputs``, which may have fewer rows."""
    return len(logits) >= len(outputs) and logits.data_ptr() != outputs.data_ptr()


@contextmanager
def _given(model: Model) -> Iterator[list[Tensor]]:
    """Collect 2-D module outputs in the order in which the modules finish."""
    given: list[Tensor] = []

    def look(_module: nn.Module, _inputs: Any, output: Any) -> None:
        if isinstance(output, Tensor) and output.ndim == 2 and output.is_floating_point():
            given.append(output)

    modules: Callable[[], Any] = getattr(model, "modules", tuple)
    handles = [one.register_forward_hook(look) for one in modules() if takes_hooks(one)]
    try:
        yield given
    finally:
        for handle in handles:
            handle.remove()
