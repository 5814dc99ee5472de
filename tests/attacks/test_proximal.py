"""Proximal operators compared with the minimum found by a numerical search."""

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
    generator = torch.Generator().manual_seed(0)
    z = torch.randn(5, 4, generator=generator, dtype=torch.float64)
    metric = torch.rand(5, 4, generator=generator, dtype=torch.float64) ** 3 + 0.01
    metric[0] = 1.0
    found = PROXIMAL[norm](z, torch.full((5,), weight).double(), metric)
    for at, share, least in zip(z, metric, found, strict=True):

        def cost(d, at=at, share=share):
            d = torch.as_tensor(d)
            return float(0.5 * (share * (d - at).square()).sum() + weight * SIZE[norm](d))

        for start in (least.numpy(), at.numpy(), 0 * at.numpy()):
            other = optimize.minimize(cost, start, method="Nelder-Mead", options={"maxiter": 2000})
            assert cost(least) <= other.fun + 1e-9


@pytest.mark.parametrize("weight", [0.01, 0.2, 1.0])
def test_the_root_of_two_thirds_by_a_fine_grid(weight: float) -> None:
    grid = torch.linspace(-4, 4, 80_001, dtype=torch.float64)
    for value in (-3.0, -0.7, 0.0, 0.05, 0.4, 1.0, 2.5):
        z = torch.tensor([[value]], dtype=torch.float64)
        found = PROXIMAL["L0"](
            z, torch.tensor([weight / 2]).double(), torch.full_like(z, 0.5)
        ).item()
        cost = 0.5 * (grid - value) ** 2 + weight * grid.abs() ** (2 / 3)
        assert found == pytest.approx(grid[cost.argmin()].item(), abs=2e-4)
