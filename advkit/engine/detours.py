"""Gradients through functions that have none: rounding, comparing, detaching, leaving torch.

Backward pass differentiable approximation (Athalye et al. 2018, arXiv:1802.00420): the forward pass
is unchanged to the last bit, the backward pass uses a smooth substitute. The rules apply at torch
function calls, whichever module makes them.
"""

from collections import OrderedDict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils.hooks import RemovableHandle

from advkit.engine.batch_invariant import sigmoid
from advkit.engine.inference_mode import without_inference
from advkit.engine.layers import takes_hooks
from advkit.engine.meter import counter
from advkit.engine.objectives import Model
from advkit.engine.own_backward import passed_by
from advkit.engine.substitute_gradients import function_name, replaced

PASSED_ON = frozenset({"round", "floor", "ceil", "trunc", "fix", "detach", "data"})
ABOVE, BELOW = frozenset({"gt", "ge", "greater"}), frozenset({"lt", "le", "less"})
CASTS = frozenset({"float", "double", "half", "bfloat16", "to", "type", "type_as",
                   "int", "long", "byte", "short", "char"})  # fmt: skip
OUT = frozenset({"numpy", "array", "tolist", "item"})
OUTSIDE = "detour outside torch"
WIDTH = 0.2
"""Width of the sigmoid that replaces a comparison, in standard deviations of the values."""


METER = counter.__module__
"""The module whose gradient hooks are kept: they count passes."""


def straight_through(model: Model) -> Model:
    """Return ``model`` with the same outputs, and a gradient where it has none.

    Rounding, detaching and casts pass the gradient on unchanged; a sign passes it on between -1 and
    1; a comparison becomes a steep sigmoid, a vote for the largest of a row a softmax.
    `torch.inference_mode` is ignored. A tensor that comes back from outside torch (from numpy, for
    example, for JPEG compression) gets the gradient of the tensor of the same shape that left; so
    does an input of a module that no longer depends on the image, from the last tensor of the same
    shape that did. Custom backward passes (`passed_by`) and gradient hooks are bypassed.
    """

    def ask(x: Tensor) -> Tensor:
        if not (torch.is_grad_enabled() and x.requires_grad):
            return model(x)
        return _led(model, x, set())

    return ask


def detours(model: Model, x: Tensor) -> list[str]:
    """Return the names of the functions of ``model`` at ``x`` that `straight_through` replaces."""
    taken: set[str] = set()
    with torch.enable_grad():
        _led(model, x.detach().clone().requires_grad_(True), taken)
    return sorted(taken)


def _led(model: Model, x: Tensor, taken: set[str]) -> Tensor:
    """Return the outputs at ``x`` with a substitute gradient; adds the detours to ``taken``."""
    with _reconnected(model, taken), without_inference(taken), _Detours(taken):
        logits = model(x)
    taken.update(passed_by(logits))
    return logits


class _Detours(TorchFunctionMode):
    def __init__(self, taken: set[str]) -> None:
        super().__init__()
        self.taken = taken
        self._smooth: dict[int, tuple[Tensor, Tensor]] = {}
        """Boolean and integer tensors by identity, with their substitutes in the backward pass."""
        self._winners: dict[int, tuple[Tensor, Tensor]] = {}
        """Results of argmax by identity, with a softmax of each row."""
        self._out: dict[tuple[int, ...], Tensor] = {}
        """The last tensor of each shape that left torch."""
        self._back: dict[int, tuple[Tensor, Tensor]] = {}
        """Tensors that came back by identity, with their copies that have a gradient."""

    def __torch_function__(
        self, func: Any, _types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        name = function_name(func)
        if name == "get" and not isinstance(out := func(*args), Tensor):  # shape, dtype, ...
            return out
        return self._called(name, func, args, kwargs or {})

    def _called(
        self, name: str, func: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]
    ) -> Any:
        if name == "set_grad_enabled" and not args[0]:
            self.taken.add("no_grad")
            return None
        if name == "register_hook" and getattr([*args[1:], None][0], "__module__", "") != METER:
            self.taken.add(name)
            return RemovableHandle(OrderedDict())
        if name in OUT:
            args = (self._gone_out(args[0]), *args[1:])
        elif self._out:
            args = tuple(self._come_back(one) for one in args)
        if name == "mul":
            args = tuple(self._real(one) if id(one) in self._smooth else one for one in args)
        out = func(*args, **kwargs)
        if name == "argmax" and _by_row(args, kwargs):
            self._winners[id(out)] = out, _soft(args[0])
        if not isinstance(out, Tensor) or not args or not isinstance(args[0], Tensor):
            return out
        smooth = self._stand_in(name, out, args)
        if smooth is None or smooth.shape != out.shape:
            return out
        self.taken.add(name)
        if out.is_floating_point():
            return replaced(out, smooth)
        self._smooth[id(out)] = out, smooth
        return out

    def _gone_out(self, x: Tensor) -> Tensor:
        if x.requires_grad and x.ndim > 1:
            self._out[tuple(x.shape)] = x
        return x.detach()

    def _come_back(self, x: Any) -> Any:
        """Return ``x`` with the gradient of the tensor of its shape that left, if it has none."""
        if not isinstance(x, Tensor) or x.requires_grad or not x.is_floating_point():
            return x
        if id(x) not in self._back and tuple(x.shape) in self._out:
            self.taken.add(OUTSIDE)
            self._back[id(x)] = x, replaced(x, self._out[tuple(x.shape)].to(x.dtype))
        return self._back[id(x)][1] if id(x) in self._back else x

    def _stand_in(self, name: str, out: Tensor, args: tuple[Any, ...]) -> Tensor | None:
        """Return the substitute for ``out`` in the backward pass, None if torch has a gradient."""
        first: Tensor = args[0]
        if name == "one_hot" and id(first) in self._winners:
            return self._winners[id(first)][1]
        if id(first) in self._smooth:
            return self._of_truths(name, out, args)
        if name in ABOVE | BELOW and any(_moves(a) for a in args):
            return _step(name, *args[:2])
        if not first.requires_grad:
            return None
        if name in PASSED_ON or (name in CASTS and not out.is_floating_point()):
            return first
        if name in ("sign", "sgn"):
            return first.clamp(-1, 1)
        if name in ("floor_divide", "floordiv"):
            return first.div(args[1])
        return None

    def _of_truths(self, name: str, out: Tensor, args: tuple[Any, ...]) -> Tensor | None:
        smooth = self._smooth[id(args[0])][1]
        if name in CASTS:
            return smooth
        if name == "where" and out.is_floating_point():
            return out.add((smooth - smooth.detach()) * (args[1] - args[2]))
        return None

    def _real(self, truths: Tensor) -> Tensor:
        smooth = self._smooth[id(truths)][1]
        return replaced(truths.to(smooth.dtype), smooth)


def _moves(a: Any) -> bool:
    """Return whether ``a`` depends on the image, and is not a scalar for the whole batch."""
    return isinstance(a, Tensor) and a.requires_grad and a.ndim > 0


def _step(name: str, a: Any, b: Any) -> Tensor:
    """Return a sigmoid for a comparison; the closer the values of a sample, the steeper."""
    moving = a if _moves(a) else b
    flat = moving.detach().flatten(1) if moving.ndim > 1 else moving.detach()[:, None]
    difference = a - b
    spread = flat.std(1, correction=0).clamp_min(1e-6) * WIDTH
    step = sigmoid(difference / spread.view(-1, *[1] * (difference.ndim - 1)))
    return step if name in ABOVE else 1 - step


def _by_row(args: tuple[Any, ...], given: Mapping[str, Any]) -> bool:
    """Return whether an argmax runs along the last of two dimensions and depends on the image."""
    along = args[1] if len(args) > 1 else given.get("dim", given.get("axis"))
    return _moves(args[0]) and args[0].ndim == 2 and along in (1, -1)


def _soft(rows: Tensor) -> Tensor:
    """Return the softmax of each row divided by its standard deviation."""
    spread = rows.detach().std(1, correction=0, keepdim=True).clamp_min(1e-6)
    return (rows / spread).softmax(1)


@contextmanager
def _reconnected(model: Model, taken: set[str]) -> Iterator[None]:
    """Give inputs of modules that do not depend on the image the gradient of an earlier tensor."""
    last: dict[tuple[int, ...], Tensor] = {}

    def look(_module: nn.Module, inputs: tuple[Any, ...]) -> tuple[Any, ...] | None:
        x = inputs[0] if inputs else None
        if not isinstance(x, Tensor) or not x.is_floating_point():
            return None
        shape = tuple(x.shape)
        if not x.requires_grad:
            if shape not in last:
                return None
            taken.add(OUTSIDE)
            x = replaced(x, last[shape])
        last[shape] = x
        return x, *inputs[1:]

    def keep(_module: nn.Module, _inputs: Any, output: Any) -> None:
        if isinstance(output, Tensor) and output.requires_grad:
            last[tuple(output.shape)] = output

    modules = [one for one in getattr(model, "modules", tuple)() if takes_hooks(one)]
    handles = [module.register_forward_pre_hook(look) for module in modules]
    handles += [module.register_forward_hook(keep) for module in modules]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
