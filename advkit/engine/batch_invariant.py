"""Functions whose last bit does not depend on the position of an entry in the tensor.

A CPU computes full vectors of entries and the remainder by different code. For most functions torch
ensures that both agree; for powers, the sigmoid and hyperbolic functions they differ in the last
bit (measured on AVX2), and a sample's result would depend on the size of its batch.
"""

import math

from torch import Tensor


def power(base: Tensor, exponent: float | Tensor) -> Tensor:
    """Return ``base`` ** ``exponent`` for a base of 0 or more, and exponents above 0 for 0."""
    return (base.log() * exponent).exp()


def power_of(base: float, exponent: Tensor) -> Tensor:
    """Return ``base`` ** ``exponent`` for a base above 0."""
    return (exponent * math.log(base)).exp()


def sigmoid(z: Tensor) -> Tensor:
    """Return 1 / (1 + exp(-z))."""
    return 1 / (1 + (-z.clamp_min(-80)).exp())


def cosh(z: Tensor) -> Tensor:
    """Return the hyperbolic cosine."""
    return ((-z).exp() + z.exp()) / 2
