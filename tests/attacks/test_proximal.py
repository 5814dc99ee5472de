"""Proximal operators against the least value that a plain numerical search finds."""

import pytest
import torch
from scipy import optimize

from advkit.attacks.proximal import PROXIMAL

SIZE = {
    "L0": lambda d: d.abs().pow(2 / 3).sum(),
    "L1": lambda d: d.abs().sum(),
    "L2": lambda d: d.norm(),
    "Linf": lambda d: d.abs().max(),
}


@pytest.mark.parametrize("weight", [0.05, 0.4, 3.0])
@pytest.mark.parametrize("norm", ["L1", "L2", "Linf"])
def test_no_point_is_better(norm: str, weight: float) -> None:
    z = torch.randn(5, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    found = PROXIMAL[norm](z, torch.full((5,) if norm != "L1" else (5, 1), weight).double())
    for at, least in zip(z, found, strict=True):

        def cost(d, at=at):
            d = torch.as_tensor(d)
            return float(0.5 * (d - at).square().sum() + weight * SIZE[norm](d))

        for start in (least.numpy(), at.numpy(), 0 * at.numpy()):
            other = optimize.minimize(cost, start, method="Nelder-Mead", options={"maxiter": 2000})
            assert cost(least) <= other.fun + 1e-9


@pytest.mark.parametrize("weight", [0.01, 0.2, 1.0])
def test_the_root_of_two_thirds_by_a_fine_grid(weight: float) -> None:
    grid = torch.linspace(-4, 4, 80_001, dtype=torch.float64)
    for value in (-3.0, -0.7, 0.0, 0.05, 0.4, 1.0, 2.5):
        z = torch.tensor([[value]], dtype=torch.float64)
        found = PROXIMAL["L0"](z, torch.tensor([[weight]], dtype=torch.float64)).item()
        cost = 0.5 * (grid - value) ** 2 + weight * grid.abs() ** (2 / 3)
        assert found == pytest.approx(grid[cost.argmin()].item(), abs=2e-4)
