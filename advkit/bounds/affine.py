"""Affine operators: their effect on values, on radii, and on coefficients (backwards)."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

Shape = tuple[int, ...]


class Affine(NamedTuple):
    """y = sum of W_i x_i + b for inputs (n, *shape).

    apply: inputs to output. spread: the same with |W| and without b, for radii. back: coefficients
    (m, *out) of y to those of every x_i, a product with the transpose of W_i. bias: b, of a shape
    that broadcasts against (1, *out), or None. window: `back` for coefficients that fill only a
    part of the map, if the operator supports it.
    """

    apply: Callable[..., Tensor]
    spread: Callable[..., Tensor]
    back: Callable[[Tensor], tuple[Tensor, ...]]
    bias: Tensor | None = None
    window: "Window | None" = None


class Window(NamedTuple):
    """The window of coefficients at the input: its origin is ``stride`` * o - ``pad``.

    ``reach`` is the size there of a window of a single entry.
    """

    back: Callable[[Tensor], Tensor]
    stride: tuple[int, int]
    pad: tuple[int, int]
    reach: tuple[int, int]


HERE = ((1, 1), (0, 0), (1, 1))


def linear(weight: Tensor, bias: Tensor | None) -> Affine:
    """Return y = x W' + b over the last axis, as `torch.nn.Linear`."""
    return Affine(
        lambda x: F.linear(x, weight, bias),
        lambda r: F.linear(r, weight.abs()),
        lambda a: (a @ weight,),
        bias,
    )


def scaling(factor: Tensor, bias: Tensor | None) -> Affine:
    """Return y = factor * x + b, elementwise; both broadcast against (1, *shape)."""
    per_channel = factor.numel() == 1 or factor.shape[-2:] == (1, 1)
    return Affine(
        lambda x: factor * x + bias if bias is not None else factor * x,
        lambda r: factor.abs() * r,
        lambda a: (a * factor,),
        bias,
        Window(lambda a: a * factor, *HERE) if per_channel else None,
    )


def normalisation(module: nn.Module, shape: Shape) -> Affine:
    """Return batch norm in eval mode."""
    mean, var = module.running_mean, module.running_var
    if not isinstance(mean, Tensor) or not isinstance(var, Tensor):
        raise ValueError("no running mean: it mixes the samples of a batch")
    factor = (var + module.eps).rsqrt()  # type: ignore[operator]
    factor = factor * module.weight if module.weight is not None else factor  # type: ignore[operator]
    bias = -mean * factor
    bias = bias + module.bias if module.bias is not None else bias  # type: ignore[operator]
    tail = [1] * (len(shape) - 1)
    return scaling(factor.reshape(-1, *tail), bias.reshape(-1, *tail))


def reshaped(shape: Shape, out: Shape) -> Affine:
    """Return a change of shape that keeps the order of the entries."""

    def forth(x: Tensor) -> Tensor:
        return x.reshape(len(x), *out)

    return Affine(forth, forth, lambda a: (a.reshape(len(a), *shape),))


def permuted(dims: Shape) -> Affine:
    """Return a permutation of axes; ``dims`` counts the batch as 0, which stays."""
    back = [dims.index(i) for i in range(len(dims))]
    return Affine(
        lambda x: x.permute(dims), lambda r: r.permute(dims), lambda a: (a.permute(back),)
    )


def same() -> Affine:
    """Return the identity, also for dropout in eval mode."""
    return Affine(lambda x: x, lambda r: r, lambda a: (a,), None, Window(lambda a: a, *HERE))


def averaging(pool: Callable[[Tensor], Tensor], shape: Shape, out: Shape, like: Tensor) -> Affine:
    """Return a mean over positions per channel, from (c, *places) to ``out``, as one matrix."""
    places = torch.Size(shape[1:]).numel()
    one = torch.eye(places).to(like).reshape(places, 1, *shape[1:])
    matrix = pool(one).reshape(places, -1)

    def forth(x: Tensor) -> Tensor:
        return (x.reshape(len(x), shape[0], places) @ matrix).reshape(len(x), *out)

    def back(a: Tensor) -> tuple[Tensor, ...]:
        return ((a.reshape(len(a), shape[0], -1) @ matrix.T).reshape(len(a), *shape),)

    return Affine(forth, forth, back)


def sum_of(signs: tuple[float, ...], shapes: tuple[Shape, ...]) -> Affine:
    """Return x_1 + x_2, or x_1 - x_2, of maps that may broadcast against each other."""
    out = np.broadcast_shapes(*shapes)  # that of torch imports sympy, which takes a second
    if any(shape != out for shape in shapes):
        raise ValueError("a sum of maps of unequal shapes")
    return Affine(
        lambda *xs: sum((s * x for s, x in zip(signs[1:], xs[1:], strict=True)), signs[0] * xs[0]),
        lambda *rs: sum(rs[1:], rs[0]),
        lambda a: tuple(a if s == 1 else s * a for s in signs),
        None,
        Window(lambda a: a, *HERE) if signs == (1, 1) else None,
    )


def joined(shapes: tuple[Shape, ...], dim: int) -> Affine:
    """Return the concatenation of maps along ``dim``, which counts the batch as 0."""
    sizes = [shape[dim - 1] for shape in shapes]

    def forth(*xs: Tensor) -> Tensor:
        return torch.cat(xs, dim)

    return Affine(forth, forth, lambda a: tuple(torch.split(a, sizes, dim)))
