"""Bounding rules of operators, by the names of modules, functions and methods."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from advkit.bounds.affine import (
    Affine,
    Shape,
    averaging,
    joined,
    linear,
    normalisation,
    permuted,
    reshaped,
    same,
    scaling,
    sum_of,
)
from advkit.bounds.convolutions import convolution
from advkit.bounds.curves import Curve, rectifier, sigmoid, tanh
from advkit.bounds.max_pooling import Highest

Rule = Affine | Curve | Highest


class Call(NamedTuple):
    """One call in a traced net.

    ``args`` and ``kwargs`` hold a ``place`` for values that depend on the input; ``shapes`` are
    those of these values, ``out`` that of the result, both without the batch.
    """

    name: str
    module: Any
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    shapes: tuple[Shape, ...]
    out: Shape
    place: type
    like: Tensor

    def option(self, position: int, name: str, usual: Any) -> Any:
        """Return an argument by its position or name."""
        return self.args[position] if len(self.args) > position else self.kwargs.get(name, usual)


def rule_of(call: Call) -> Rule:
    """Return the rule of a call; raises ValueError or KeyError if there is none."""
    plain = call.name.strip("_")
    if plain not in RULES:
        raise ValueError("nothing is known of it")
    return RULES[plain](call)


def _convolution(call: Call) -> Affine:
    if call.module.padding_mode != "zeros":
        raise ValueError(f"padding_mode={call.module.padding_mode!r}")
    return convolution(call.module, call.shapes[0], call.out)


def _linear(call: Call) -> Affine:
    if call.module is None:
        return linear(call.option(1, "weight", None), call.option(2, "bias", None))
    return linear(call.module.weight, call.module.bias)


def _leaky(call: Call) -> Curve:
    slope = call.module.negative_slope if call.module else call.option(1, "negative_slope", 0.01)
    return rectifier(slope)


def _max_pool(call: Call) -> Highest:
    pool = call.module or nn.MaxPool2d(*call.args[1:], **call.kwargs)
    if pool.return_indices:
        raise ValueError("return_indices")
    return Highest(pool, call.shapes[0], call.out)


def _pooled(function: Callable[..., Tensor]) -> Callable[[Call], Affine]:
    def build(call: Call) -> Affine:
        def pool(x: Tensor) -> Tensor:
            return call.module(x) if call.module else function(x, *call.args[1:], **call.kwargs)

        return averaging(pool, call.shapes[0], call.out, call.like)

    return build


def _mean(call: Call) -> Affine:
    dims, keep = call.option(1, "dim", None), call.option(2, "keepdim", False)
    (shape,) = call.shapes
    wanted = dims if isinstance(dims, tuple | list) else [dims]
    if dims is None or sorted(d % (len(shape) + 1) for d in wanted) != [*range(2, len(shape) + 1)]:
        raise ValueError(f"a mean over the axes {dims}")
    return averaging(lambda x: x.mean(list(wanted), keep), shape, call.out, call.like)


def _moved(call: Call) -> Affine:
    dims = call.args[1] if isinstance(call.args[1], tuple | list) else call.args[1:]
    found = tuple(d % (len(call.shapes[0]) + 1) for d in dims)
    if found[0] != 0:
        raise ValueError("it moves the axis of the batch")
    return permuted(found)


def _reshaped(call: Call) -> Affine:
    return reshaped(call.shapes[0], call.out)


def _added(call: Call, sign: float = 1.0) -> Affine:
    left, right = call.args[:2]
    if call.option(2, "alpha", 1) != 1:
        raise ValueError("alpha")
    if len(call.shapes) == 2:
        return sum_of((1.0, sign), call.shapes)
    if isinstance(left, call.place) and isinstance(right, call.place):
        return scaling(call.like.new_tensor(1 + sign), None)  # a value and itself
    if isinstance(left, call.place):
        return scaling(call.like.new_tensor(1.0), sign * _constant(right, call))
    return scaling(call.like.new_tensor(sign), _constant(left, call))


def _multiplied(call: Call) -> Affine:
    if len(call.shapes) != 1 or all(isinstance(each, call.place) for each in call.args[:2]):
        raise ValueError("a product of two values that depend on the image")
    (factor,) = (each for each in call.args[:2] if not isinstance(each, call.place))
    return scaling(_constant(factor, call), None)


def _divided(call: Call) -> Affine:
    if not isinstance(call.args[0], call.place) or isinstance(call.args[1], call.place):
        raise ValueError("a division by a value that depends on the image")
    return scaling(1 / _constant(call.args[1], call), None)


def _constant(value: Any, call: Call) -> Tensor:
    """Return a number or tensor that is equal for all samples; raises ValueError otherwise."""
    found = torch.as_tensor(value).to(call.like)
    whole = np.broadcast_shapes(found.shape, (1, *call.out))
    if whole != (1, *call.out):
        raise ValueError("a constant that changes the shape")
    return found.detach().reshape((1,) * (len(whole) - found.ndim) + tuple(found.shape))


def _joined(call: Call) -> Affine:
    parts, dim = call.args[0], call.option(1, "dim", 0) % (len(call.out) + 1)
    if len(call.shapes) != len(parts) or dim == 0:
        raise ValueError("of constants, of one value twice, or along the batch")
    return joined(call.shapes, dim)


RULES: dict[str, Callable[[Call], Rule]] = {
    "Linear": _linear,
    "linear": _linear,
    "Conv1d": _convolution,
    "Conv2d": _convolution,
    **dict.fromkeys(
        ("BatchNorm1d", "BatchNorm2d"), lambda call: normalisation(call.module, call.shapes[0])
    ),
    **dict.fromkeys(("ReLU", "relu"), lambda _call: rectifier()),
    **dict.fromkeys(("LeakyReLU", "leaky_relu"), _leaky),
    **dict.fromkeys(("Sigmoid", "sigmoid"), lambda _call: sigmoid()),
    **dict.fromkeys(("Tanh", "tanh"), lambda _call: tanh()),
    **dict.fromkeys(("MaxPool2d", "max_pool2d"), _max_pool),
    **dict.fromkeys(("AvgPool2d", "avg_pool2d"), _pooled(F.avg_pool2d)),
    **dict.fromkeys(("AdaptiveAvgPool2d", "adaptive_avg_pool2d"), _pooled(F.adaptive_avg_pool2d)),
    "mean": _mean,
    **dict.fromkeys(
        ("Flatten", "Unflatten", "flatten", "view", "reshape", "squeeze", "unsqueeze"), _reshaped
    ),
    "permute": _moved,
    **dict.fromkeys(
        ("Identity", "Dropout", "Dropout1d", "Dropout2d", "dropout", "contiguous", "float"),
        lambda _call: same(),
    ),
    **dict.fromkeys(("add", "iadd"), _added),
    **dict.fromkeys(("sub", "isub"), lambda call: _added(call, -1.0)),
    **dict.fromkeys(("mul", "imul"), _multiplied),
    **dict.fromkeys(("truediv", "itruediv", "div"), _divided),
    **dict.fromkeys(("cat", "concat"), _joined),
}
FORMS = (
    "linear", "convolution", "batch norm", "average and max pooling", "reshaping", "sums",
    "concatenation", "constants", "ReLU", "leaky ReLU", "sigmoid", "tanh",
)  # fmt: skip
