"""Functions whose results do not depend, to the last bit, on the position of an entry."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from advkit.engine.batch_invariant import cosh, power, power_of, sigmoid

CASES = {
    "power": (lambda z: power(z.abs(), 0.7), lambda z: z.abs() ** 0.7),
    "power of each": (lambda z: power(z.abs(), z), lambda z: z.abs() ** z),
    "power of one number": (lambda z: power_of(0.01, z), lambda z: 0.01**z),
    "sigmoid": (sigmoid, torch.sigmoid),
    "cosh": (cosh, torch.cosh),
}
each = pytest.mark.parametrize(("ours", "usual"), CASES.values(), ids=list(CASES))
Function = Callable[[Tensor], Tensor]


@each
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_no_entry_depends_on_those_beside_it(
    ours: Function, usual: Function, dtype: torch.dtype
) -> None:
    z = torch.linspace(-4, 4, 20011, dtype=torch.float64).to(dtype)
    whole = ours(z)
    for size in (1, 3, 7, 15, 17, 31):
        assert torch.equal(torch.cat([ours(some.clone()) for some in z.split(size)]), whole), size


@each
def test_they_are_what_they_are_called(ours: Function, usual: Function) -> None:
    z = torch.linspace(-30, 30, 1001, dtype=torch.float64)
    torch.testing.assert_close(ours(z), usual(z), rtol=1e-12, atol=0)


def test_ends_are_finite() -> None:
    z = torch.tensor([-1e4, -100.0, 0.0, 100.0, 1e4], requires_grad=True)
    torch.testing.assert_close(sigmoid(z), torch.sigmoid(z), rtol=1e-6, atol=1e-30)
    (slope,) = torch.autograd.grad(sigmoid(z).sum(), z)
    assert slope.isfinite().all()
    assert power(torch.zeros(2), 0.5).tolist() == [0.0, 0.0]
