"""Bypass custom backward passes, which may return anything."""

from collections.abc import Callable, Iterator
from typing import Any

from torch import Tensor
from torch.nn.modules._functions import BackwardHookFunction

from advkit.engine.substitute_gradients import stands_in

Slopes = tuple[Tensor | None, ...]


def passed_by(output: Tensor) -> list[str]:
    """Make the gradient of ``output`` bypass every `torch.autograd.Function` of the model's own.

    Inputs with the shape of the function's output receive that output's gradient, whatever the
    backward pass returns; a module's backward hook counts as one. Returns the names of the
    functions. One whose backward pass returns None is unchanged: torch cannot replace that.
    """
    found = []
    for node in _nodes(output.grad_fn):
        function = getattr(type(node), "_forward_cls", None)
        if function is None or stands_in(function) or _of_torch(function):
            continue
        if any(_same_shape(node)):
            node.register_hook(_passing(_same_shape(node)))
            found.append(function.__name__)
    return found


def _nodes(last: Any) -> Iterator[Any]:
    """Yield every node of the graph that ends in ``last``, once."""
    left, seen = [last] if last is not None else [], set()
    while left:
        node = left.pop()
        if node in seen:
            continue
        seen.add(node)
        yield node
        left += [before for before, _ in node.next_functions if before is not None]


def _same_shape(node: Any) -> list[bool]:
    """Return for every input of ``node`` whether it has a gradient and the output's shape."""
    shape = tuple(node._input_metadata[0].shape)
    return [
        before is not None and tuple(before._input_metadata[place].shape) == shape
        for before, place in node.next_functions
    ]


def _passing(same: list[bool]) -> Callable[[Slopes, Slopes], Slopes]:
    def hook(told: Slopes, given: Slopes) -> Slopes:
        return tuple(
            given[0] if like and mine is not None else mine
            for mine, like in zip(told, same, strict=True)
        )

    return hook


def _of_torch(function: type) -> bool:
    """Return whether ``function`` is torch's own, with a correct backward pass."""
    return function.__module__.startswith("torch.") and function is not BackwardHookFunction
