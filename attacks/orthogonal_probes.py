"""Random orthogonal directions: rows of a randomised Hadamard matrix."""

import math

import torch
from torch import Tensor

from advkit.engine.seeding import signs

LEAST = 64  # rows: with fewer, entries are not Gaussian enough


def probes(stream: Tensor, first: int, count: int, size: int) -> Tensor:
    """Return the directions ``first`` to ``first + count`` of each sample, (n, count, size).

    They are rows of S1 H S2 H S3 H, a Hadamard matrix H of order L between random signs S (Yu et
    al. 2016), cut to ``size`` <= L entries, of length 1 on average; after L rows come new signs.
    Entries are approximately Gaussian, so that for any w the mean of sign(w.u) u points along w;
    its variance is lower than with independent directions, since L rows together cover every
    coordinate equally. Streams from 2**20 on are used.
    """
    order = max(LEAST, 1 << (size - 1).bit_length())
    parts = []
    while count > 0:
        block, at = divmod(first, order)
        rows = torch.arange(at, min(at + count, order), device=stream.device)
        s1, s2, s3 = signs(stream, (3, 1, order), (1 << 20) + block).float().unbind(1)
        u = s1 * _transform(s2 * _transform(s3 * _hadamard(rows, order)))
        parts.append(u[..., :size] / (order * math.sqrt(size)))
        first, count = first + len(rows), count - len(rows)
    return torch.cat(parts, 1)


def _transform(u: Tensor) -> Tensor:
    """Multiply the last axis of ``u`` (n, k, order) by the Hadamard matrix of that order.

    All numbers are integers exact in float32, so that the order of summation does not matter.
    """
    order = u.shape[-1]
    wide = 1 << (order.bit_length() // 2)
    left, right = (_hadamard(torch.arange(m, device=u.device), m) for m in (wide, order // wide))
    return (left @ u.reshape(*u.shape[:-1], wide, -1) @ right).reshape(u.shape)


def _hadamard(rows: Tensor, order: int) -> Tensor:
    """Return ``rows`` (k,) of the Hadamard matrix, (k, order): the parity of the bits of i & j."""
    bits = rows[:, None] & torch.arange(order, device=rows.device)
    for shift in (16, 8, 4, 2, 1):
        bits = bits ^ (bits >> shift)
    return 1.0 - 2.0 * (bits & 1)
