"""Convolutions as affine operators, and backpropagation of windows of coefficients."""

import functools
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from advkit.bounds.affine import Affine, Shape, Window

SMALL = 1 << 17
"""Size up to which a matrix is faster than a convolution: it stays in the cache."""


def convolution(module: nn.Conv1d | nn.Conv2d, shape: Shape, out: Shape) -> Affine:
    """Return ``module``, zero-padded, from maps of ``shape`` to maps of shape ``out``."""
    flat = isinstance(module, nn.Conv1d)
    forth: Any = F.conv1d if flat else F.conv2d
    weight, stride, pad = module.weight, module.stride, padding_of(module)
    like: dict[str, Any] = {
        "stride": stride,
        "padding": pad,
        "dilation": module.dilation,
        "groups": module.groups,
    }
    spare = [
        n - ((o - 1) * s - 2 * p + d * (k - 1) + 1)
        for n, o, s, p, d, k in zip(
            shape[1:], out[1:], stride, pad, module.dilation, module.kernel_size, strict=True
        )
    ]
    transpose: Any = F.conv_transpose1d if flat else F.conv_transpose2d
    bias = None if module.bias is None else module.bias.reshape(-1, *[1] * (len(shape) - 1))

    return Affine(
        lambda x: forth(x, weight, module.bias, **like),
        lambda r: forth(r, weight.abs(), None, **like),
        lambda a: (transpose(a, weight, output_padding=spare, **like),),
        bias,
        None if flat else Window(_unpadded(module), stride, pad, _reach(module)),  # type: ignore[arg-type]
    )


def _reach(module: nn.Module) -> tuple[int, ...]:
    each = zip(module.dilation, module.kernel_size, strict=True)  # type: ignore[arg-type]
    return tuple(d * (k - 1) + 1 for d, k in each)


def grown(size: Sequence[int], stride: Sequence[int], reach: Sequence[int]) -> tuple[int, ...]:
    """Return the size of a window of ``size`` after the backward step to the input."""
    return tuple((n - 1) * s + r for n, s, r in zip(size, stride, reach, strict=True))


def _unpadded(module: nn.Module) -> Callable[[Tensor], Tensor]:
    """Return the transpose of a 2-D convolution without padding: a window grows by the kernel.

    For a small window one matrix product: more operations than the transposed convolution, but
    measured 2 to 20 times as fast. For few channels a product and a fold.
    """
    assert isinstance(module, nn.Conv2d)  # noqa: S101
    weight, kernel, stride, gap = module.weight, module.kernel_size, module.stride, module.dilation
    reach, few = _reach(module), weight.shape[1] <= 4 and module.groups == 1 and max(gap) == 1

    def transposed(a: Tensor) -> Tensor:
        return F.conv_transpose2d(a, weight, stride=stride, dilation=gap, groups=module.groups)

    @functools.cache
    def matrix(h: int, w: int) -> Tensor:
        count = len(weight) * h * w
        one = torch.eye(count).to(weight).reshape(count, len(weight), h, w)
        return transposed(one).reshape(count, -1).contiguous()

    def back(a: Tensor) -> Tensor:
        h, w = a.shape[2:]
        size = weight.shape[1] * module.groups, *grown((h, w), stride, reach)
        if a[0].numel() * torch.Size(size).numel() <= SMALL:
            return (a.flatten(1) @ matrix(h, w)).reshape(len(a), *size)
        if few:
            columns = torch.matmul(weight.flatten(1).T, a.flatten(2))
            return F.fold(columns, size[1:], kernel, stride=stride)
        return transposed(a)

    return back


def padding_of(module: nn.Conv1d | nn.Conv2d) -> tuple[int, ...]:
    """Return the padding of each side with zeros; raises ValueError if sides differ."""
    if module.padding == "valid":
        return (0,) * len(module.kernel_size)
    if module.padding == "same":
        wide = [d * (k - 1) for d, k in zip(module.dilation, module.kernel_size, strict=True)]
        if any(w % 2 for w in wide):
            raise ValueError("padding='same' of an even kernel")
        return tuple(w // 2 for w in wide)
    return tuple(module.padding)  # type: ignore[arg-type]
