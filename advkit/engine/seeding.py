"""Random numbers keyed by their use: (seed, sample id, purpose), never by batch position.

A counter-based generator: number i of a stream is the SplitMix64 mix (Steele et al. 2014) of key +
i * golden ratio. Streams are drawn for a whole batch at once, on any device, and a sample's numbers
do not depend on the rest of the batch. The global generator is not used.
"""

import math
from collections.abc import Sequence
from hashlib import blake2b

import torch
from torch import Tensor

_GOLDEN = 0x9E3779B97F4A7C15 - 2**64
_MIX = (0xBF58476D1CE4E5B9 - 2**64, 0x94D049BB133111EB - 2**64)


def keys(seed: int, ids: Sequence[str] | None, like: Tensor, *purpose: object) -> Tensor:
    """Return one stream key per sample of ``like`` (n,), int64, on its device.

    Without ``ids`` the samples are identified by their position.
    """
    names = [str(i) for i in range(len(like))] if ids is None else ids
    words = ["/".join(map(str, (seed, *purpose, name))).encode() for name in names]
    digests = [blake2b(word, digest_size=8).digest() for word in words]
    numbers = [int.from_bytes(digest, "little", signed=True) for digest in digests]
    return torch.tensor(numbers, dtype=torch.int64, device=like.device)


def uniform(keys: Tensor, shape: Sequence[int], stream: int = 0) -> Tensor:
    """Return numbers in [0, 1), (n, *shape), float64; ``stream`` picks one of 2**31 sequences."""
    count = math.prod(shape)
    at = torch.arange(1, count + 1, device=keys.device) + (stream << 32)
    z = keys[:, None] + at * _GOLDEN
    z = (z ^ _right(z, 30)) * _MIX[0]
    z = (z ^ _right(z, 27)) * _MIX[1]
    z = z ^ _right(z, 31)
    return (_right(z, 11).to(torch.float64) * 2.0**-53).reshape(len(keys), *shape)


def _right(z: Tensor, bits: int) -> Tensor:
    """Logical shift right, without sign extension."""
    return (z >> bits) & ((1 << (64 - bits)) - 1)


def normal(keys: Tensor, shape: Sequence[int], stream: int = 0) -> Tensor:
    """Return standard normal numbers, (n, *shape), float64 (Box and Muller 1958)."""
    u = uniform(keys, (2, *shape), stream)
    return (-2 * (1 - u[:, 0]).log()).sqrt() * (2 * math.pi * u[:, 1]).cos()


def signs(keys: Tensor, shape: Sequence[int], stream: int = 0) -> Tensor:
    """Return -1 or 1, (n, *shape), float64."""
    return torch.where(uniform(keys, shape, stream) < 0.5, -1.0, 1.0).to(torch.float64)


def reseeded(seed: int, number: int) -> int:
    """Return the seed of run ``number`` of several; that of the first, 0, is ``seed`` itself."""
    if number == 0:
        return seed
    return int.from_bytes(blake2b(f"{seed}/run {number}".encode(), digest_size=7).digest(), "big")
