"""Backward rules of ReLU, changed at the function call, in any module.

Modules, functions and methods, in place or not, all end in a call that a `TorchFunctionMode`
intercepts. What it misses (a rectifier in compiled code, another activation) is found in the graph
and refused, so that no map is silently the plain gradient.
"""

import math
from collections.abc import Callable, Iterator
from typing import Any, Literal

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from advkit.engine.gradient import Objective
from advkit.errors import InapplicableError

Backward = Literal["deconvnet", "guided_backprop"]
"""The gradient passed back through a rectifier of z, given the gradient R at its output, instead of
R where z > 0: max(R, 0) (Zeiler and Fergus 2014); max(R, 0) where z > 0 (Springenberg et al. 2015).
"""

SMOOTH = (
    "it is no rectifier: there is no side on which it is off, and neither paper says what to do"
)
REFUSED = {
    "SiluBackward0": ("SiLU", SMOOTH),
    "GeluBackward0": ("GELU", SMOOTH),
    "EluBackward0": ("ELU", SMOOTH),
    "CeluBackward0": ("CELU", SMOOTH),
    "MishBackward0": ("Mish", SMOOTH),
    "HardswishBackward0": ("hard swish", SMOOTH),
    "SoftplusBackward0": ("softplus", SMOOTH),
    "LeakyReluBackward0": ("leaky ReLU", "it lets the negative side through on purpose"),
    "PreluKernelBackward0": ("PReLU", "it lets the negative side through on purpose"),
    "RreluWithNoiseBackward0": ("RReLU", "it lets the negative side through on purpose"),
    "HardtanhBackward0": ("hardtanh", "it does not begin at 0, so that it has no off side"),
    "ReluBackward0": ("a ReLU", "it was not called through torch, so its rule cannot be changed"),
    "ThresholdBackward0": ("a threshold", "it does not begin at 0 with 0"),
}
INSTEAD = "gradient, integrated_gradients and occlusion work for every net"
COMPILED = ("DifferentiableGraph", "CompiledFunction")


class _Rectified(torch.autograd.Function):
    """Forward the exact ``call``, backward the rule."""

    @staticmethod
    def forward(ctx: Any, z: Tensor, call: Callable[[Tensor], Tensor], high: float,
                rule: Backward) -> Tensor:  # fmt: skip
        below = z < high if rule == "guided_backprop" and math.isfinite(high) else None
        out = call(z)
        if out is z:
            ctx.mark_dirty(z)
        if (
            rule == "guided_backprop"
        ):  # the output serves as the mask, as in autograd, to save memory
            ctx.save_for_backward(out if below is None else below & (out > 0))
        return out

    @staticmethod
    def backward(ctx: Any, *slopes: Tensor) -> tuple[Tensor, None, None, None]:
        (slope,) = slopes
        if not ctx.saved_tensors:
            return slope.clamp_min(0), None, None, None
        (on,) = ctx.saved_tensors
        if on.dtype == torch.bool:
            return (slope * on).clamp_min_(0), None, None, None
        through = torch.ops.aten.threshold_backward(slope, on, 0)
        return through.clamp_min_(0), None, None, None


class _Rule(TorchFunctionMode):
    def __init__(self, rule: Backward) -> None:
        super().__init__()
        self.rule = rule

    def __torch_function__(
        self, func: Any, _types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        given = dict(kwargs or {})
        found = _rectifier(str(getattr(func, "__name__", "")).strip("_"), args, given)
        if found is None:
            return func(*args, **given)
        z, high, rest, named = found
        if not (z.requires_grad and torch.is_grad_enabled()):
            return func(*args, **given)
        return _Rectified.apply(z, lambda z: func(z, *rest, **named), high, self.rule)


Found = tuple[Tensor, float, tuple[Any, ...], dict[str, Any]]


def _rectifier(name: str, args: tuple[Any, ...], given: dict[str, Any]) -> Found | None:
    """Return the rectified tensor, its upper limit and other arguments; None if no rectifier."""
    if name not in _KINDS:
        return None
    named = dict(given)
    z, rest = (args[0], args[1:]) if args else (named.pop("input", None), ())
    if not isinstance(z, Tensor):
        return None
    high = _KINDS[name](*_values(name, rest, named))
    return None if high is None else (z, high, rest, named)


_PLACES = {"clamp": ("min", "max"), "clip": ("min", "max"), "clamp_min": ("min",),
           "hardtanh": ("min_val", "max_val"), "threshold": ("threshold", "value"),
           "relu": (), "relu6": ()}  # fmt: skip
_USUAL = {"min_val": -1.0, "max_val": 1.0}


def _values(name: str, rest: tuple[Any, ...], named: dict[str, Any]) -> Iterator[Any]:
    for place, key in enumerate(_PLACES[name]):
        yield rest[place] if place < len(rest) else named.get(key, _USUAL.get(key))


def _bounds(low: Any, high: Any = None) -> float | None:
    if not _zero(low):
        return None
    return math.inf if high is None else float(high)


def _zero(value: Any) -> bool:
    if isinstance(value, Tensor):
        return value.numel() == 1 and not value.requires_grad and bool(value == 0)
    return value is not None and value == 0


_KINDS: dict[str, Callable[..., float | None]] = {
    "relu": lambda: math.inf,
    "relu6": lambda: 6.0,
    "hardtanh": _bounds,
    "clamp": _bounds,
    "clip": _bounds,
    "clamp_min": _bounds,
    "threshold": lambda at, value: math.inf if _zero(at) and _zero(value) else None,
}


def ruled(objective: Objective, rule: Backward) -> Objective:
    """Return ``objective`` with another backward pass through its rectifiers; equal values.

    Rectifiers are ReLU, ReLU6, and hardtanh, threshold and clamp from 0, in every spelling. Calling
    it raises InapplicableError if there is no rectifier between the input and the value, or if
    there is an activation to which the rule does not apply.
    """

    def value(x: Tensor, *fixed: Tensor) -> tuple[Tensor, Tensor]:
        with _Rule(rule):
            value, output = objective.function(x, *fixed)
        if value.requires_grad:
            _check(value, rule)
        return value, output

    return Objective(value, objective.fixed)


def _check(value: Tensor, rule: Backward) -> None:
    """Raise InapplicableError if the graph of ``value`` has no ReLU, or other activations."""
    rectifiers = 0
    for node in _nodes(value):
        name = node.name()
        rectifiers += name == "_RectifiedBackward"
        if name in REFUSED or any(word in name for word in COMPILED):
            what, why = REFUSED.get(name, ("compiled code", "its calls cannot be seen"))
            raise InapplicableError(f"{rule} does not apply to {what}: {why}", INSTEAD)
    if not rectifiers:
        raise InapplicableError(
            f"{rule} does not apply: not one ReLU lies between the input and the target", INSTEAD
        )


def _nodes(value: Tensor) -> Iterator[Any]:
    seen, left = set(), [value.grad_fn]
    while left:
        node = left.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        yield node
        left.extend(parent for parent, _ in node.next_functions)
