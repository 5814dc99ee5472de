"""The inner layers of a net by dotted name: their outputs, and the gradient there."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from advkit.engine.gradient import CHUNK, Objective, slopes
from advkit.errors import InapplicableError, InputError, UnknownNameError, did_you_mean


class Call(NamedTuple):
    """One call of a module in a forward pass: ``name``, or ``name#k`` if it is called again."""

    name: str
    kind: str
    """The class of the module."""
    shape: tuple[int, ...]
    """Of one sample's output."""
    parameters: int


class Layer(NamedTuple):
    """Value, activation and gradient at a layer, one row per sample."""

    value: Tensor
    activation: Tensor
    gradient: Tensor


@contextmanager
def tapped(
    root: nn.Module, name: str, replace: Callable[[Tensor], Tensor] = torch.clone
) -> Iterator[list[Tensor]]:
    """Collect the output of the layer ``name`` in every pass of ``root`` within the block.

    The list holds the output of the last pass; the net continues with ``replace(output)``, by
    default a copy, as later layers may work in place. ``name#k`` is call k, from 0, of a module
    that is called several times. Raises UsageError for an unknown name, InputError for a layer that
    is not called, returns no tensor, or accepts no hooks.
    """
    base, _, at = name.partition("#")
    seen: list[Tensor] = []
    calls = 0

    def begin(*_: Any) -> None:
        nonlocal calls
        calls = 0
        seen.clear()

    def look(_module: nn.Module, _inputs: Any, output: Any) -> Any:
        nonlocal calls
        wanted = calls == int(at or 0)
        calls += 1
        if not wanted:
            return None
        seen.append(tensor_of(output, name))
        return _put(output, replace(seen[0]))

    def end(*_: Any) -> None:
        _check_calls(name, at, calls)

    module = layer_of(root, base)
    for each in (root, module):
        check_hooks(each)
    with ExitStack() as stack:
        # A root that is itself the layer must be processed before `end` counts.
        for handle in (
            root.register_forward_pre_hook(begin),
            module.register_forward_hook(look),
            root.register_forward_hook(end),
        ):
            stack.callback(handle.remove)
        yield seen


def takes_hooks(module: nn.Module) -> bool:
    """Return whether hooks work on ``module``: they do not on TorchScript."""
    return not isinstance(module, torch.jit.ScriptModule)


def check_hooks(module: nn.Module) -> None:
    """Raise InapplicableError if hooks do not work on ``module``."""
    if not takes_hooks(module):
        raise InapplicableError(
            "the layers of a TorchScript model cannot be read: it accepts no hooks",
            "give the module itself: package.module:callable, or its weights with --arch",
        )


def layer_of(root: nn.Module, name: str) -> nn.Module:
    """Return the module ``name``; raises UsageError with the nearest name."""
    found: dict[str, nn.Module] = dict(root.named_modules())
    if name not in found or not name:
        raise UnknownNameError(
            f"there is no layer {name!r}", did_you_mean(name, [n for n in found if n])
        )
    return found[name]


def _check_calls(name: str, at: str, calls: int) -> None:
    if calls <= int(at or 0):
        times = "never called" if not calls else f"called {calls} times, from #0 on"
        raise InputError(
            f"the layer {name!r} is {times}", "see advkit inspect MODEL --layers", code="E316"
        )
    if calls > 1 and not at:
        raise InputError(
            f"the layer {name!r} is called {calls} times in a pass",
            f"say which: {', '.join(f'{name}#{k}' for k in range(min(calls, 3)))} ...",
            code="E316",
        )


def tensor_of(output: Any, name: str) -> Tensor:
    """Return the output of a layer, the first of several; raises InputError if it is no tensor."""
    first = output[0] if isinstance(output, tuple | list) and output else output
    if not isinstance(first, Tensor):
        raise InputError(
            f"the layer {name!r} gives a {type(output).__name__}, not a tensor", code="E316"
        )
    return first


def _put(output: Any, first: Tensor) -> Any:
    return type(output)((first, *output[1:])) if isinstance(output, tuple | list) else first


def at_layer(objective: Objective, x: Tensor, root: nn.Module, name: str) -> Layer:
    """Return value, activation and gradient at a layer, for every sample of ``x`` (n, ...).

    The backward pass ends at the layer: earlier layers keep no activations. Raises what `tapped`
    raises.
    """
    parts = [
        _at_layer(objective._replace(fixed=tuple(f[at : at + CHUNK] for f in objective.fixed)),
                  x[at : at + CHUNK], root, name)
        for at in range(0, len(x), CHUNK)
    ]  # fmt: skip
    return Layer(*(torch.cat(column) for column in zip(*parts, strict=True)))


def _at_layer(objective: Objective, x: Tensor, root: nn.Module, name: str) -> Layer:
    leaves: list[Tensor] = []

    def leaf(output: Tensor) -> Tensor:
        leaves[:] = [output.detach().requires_grad_(True)]
        return leaves[0].clone()

    with tapped(root, name, leaf), torch.enable_grad():
        value, _ = objective(x.detach())
        (slope,) = slopes(value, leaves)
    n = len(x)  # a batch may have been padded
    return Layer(value.detach(), leaves[0].detach()[:n], slope[:n])


def unit(
    model: Callable[[Tensor], Tensor], root: nn.Module, name: str, index: tuple[int, ...]
) -> Objective:
    """Return the activation at ``index`` of a layer: ``(channel, y, x)``, or a prefix of it.

    Averaged over the remaining dimensions. Raises InputError for an index outside the layer.
    """

    def value(x: Tensor) -> tuple[Tensor, Tensor]:
        with tapped(root, name) as seen:
            model(x)
        activation = seen[0][: len(x)]
        if len(index) >= activation.ndim or any(
            not -size <= i < size for i, size in zip(index, activation.shape[1:], strict=False)
        ):
            shape = tuple(activation.shape[1:])
            raise InputError(
                f"{list(index)} is outside the layer {name!r}, whose shape is {shape}", code="E316"
            )
        picked = activation
        for i in index:
            picked = picked[:, i]
        return (picked if picked.ndim == 1 else picked.flatten(1).mean(1)), activation

    return Objective(value)


def outline(model: Callable[[Tensor], Tensor], root: nn.Module, x: Tensor) -> list[Call]:
    """Return every module call of ``root`` in one pass of ``x`` (n, ...), in the order they end.

    Modules inside TorchScript are omitted. Raises InapplicableError if ``root`` is TorchScript.
    """
    calls: list[tuple[str, nn.Module, tuple[int, ...]]] = []
    check_hooks(root)
    with ExitStack() as stack:
        for name, module in root.named_modules():
            if name and takes_hooks(module):

                def look(module: nn.Module, _inputs: Any, output: Any, name: str = name) -> None:
                    first = output[0] if isinstance(output, tuple | list) and output else output
                    if isinstance(first, Tensor):
                        calls.append((name, module, tuple(first.shape[1:])))

                stack.callback(module.register_forward_hook(look).remove)
        with torch.no_grad():
            model(x)
    return _numbered(calls)


def _numbered(calls: list[tuple[str, nn.Module, tuple[int, ...]]]) -> list[Call]:
    names = [name for name, _, _ in calls]
    met: dict[str, int] = {}
    found = []
    for name, module, shape in calls:
        k = met[name] = met.get(name, -1) + 1
        label = f"{name}#{k}" if names.count(name) > 1 else name
        size = sum(weight.numel() for weight in module.parameters())
        found.append(Call(label, type(module).__name__, shape, size))
    return found
