"""The one-row linear program agrees with scipy's solver for all active constraints."""

import numpy as np
import pytest
import torch
from scipy.optimize import OptimizeResult, linprog
from torch import Tensor

from advkit.engine.linear_programs import furthest_within, nearest_reaching

ROWS, SIZE = 6, 12


def problem(seed: int) -> tuple[Tensor, ...]:
    g = torch.Generator().manual_seed(seed)
    centre, start = torch.rand(2, ROWS, SIZE, generator=g, dtype=torch.float64)
    slope = torch.randn(ROWS, SIZE, generator=g, dtype=torch.float64)
    price = torch.rand(ROWS, SIZE, generator=g, dtype=torch.float64) + 0.5
    return centre, start, slope, price


def solve(cost: Tensor, row: Tensor, most: float, low: Tensor, high: Tensor) -> OptimizeResult:
    """Solve by scipy for plus and minus (2 d,), with plus - minus from ``low`` to ``high``."""
    both = np.concatenate([np.eye(SIZE), -np.eye(SIZE)], 1)
    limits = np.concatenate([row.numpy()[None], both, -both])
    bounds = [most, *high.tolist(), *(-low).tolist()]
    return linprog(cost.numpy(), A_ub=limits, b_ub=bounds, bounds=(0, None))


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("gain", [-1.0, 0.0, 0.4, 1.5])
@pytest.mark.parametrize("trust", [0.05, 0.4, 2.0])
def test_it_is_the_optimum(seed: int, gain: float, trust: float) -> None:
    centre, start, slope, price = problem(seed)
    goal = torch.full((ROWS,), gain, dtype=torch.float64)
    found = nearest_reaching(centre, start, slope, goal, trust, price)
    assert (found >= 0).all()
    assert (found <= 1).all()
    assert ((found - start).abs() <= trust + 1e-12).all()
    high, low = (start + trust).clamp_max(1), (start - trust).clamp_min(0)
    most = (slope * (torch.where(slope > 0, high, low) - start)).sum(1)
    gained = (slope * (found - start)).sum(1)
    assert (gained >= torch.minimum(goal, most) - 1e-9).all()
    most_left = ((slope * (centre - start)).sum(1) - goal).tolist()
    problems = zip(centre, slope, price, most_left, low, high, strict=True)
    solved = [
        solve(torch.cat([p, p]), torch.cat([-g, g]), left, floor - c, ceiling - c)
        for c, g, p, left, floor, ceiling in problems
    ]
    assert [each.success for each in solved] == (most >= gain).tolist()
    for each, cost in zip(solved, (price * (found - centre).abs()).sum(1).tolist(), strict=True):
        if each.success:
            assert cost == pytest.approx(each.fun, abs=1e-9)


@pytest.mark.parametrize("radius", [0.0, 0.5, 3.0])
@pytest.mark.parametrize("trust", [0.05, 0.4, 2.0])
def test_the_highest_point_of_a_ball_is_the_optimum(radius: float, trust: float) -> None:
    centre, start, slope, price = problem(3)
    size = torch.full((ROWS,), radius, dtype=torch.float64)
    found = furthest_within(centre, start, slope, size, trust, torch.ones_like(price))
    for z, c, s, g in zip(found, centre, start, slope, strict=True):
        low, high = (s - trust).clamp_min(0) - c, (s + trust).clamp_max(1) - c
        solved = solve(torch.cat([-g, g]), torch.ones(2 * SIZE), radius, low, high)
        nearest = c.clamp((s - trust).clamp_min(0), (s + trust).clamp_max(1))
        if solved.success:
            assert float((g * (z - c)).sum()) == pytest.approx(-solved.fun, abs=1e-9)
            assert float((z - c).abs().sum()) <= radius + 1e-9
        else:
            assert float((nearest - c).abs().sum()) > radius
            torch.testing.assert_close(z, nearest)
    dear = furthest_within(centre, start, slope, size, trust, price)
    inside = (found - centre).abs().sum(1) <= radius + 1e-9
    assert ((dear - centre).abs().sum(1)[inside] <= radius + 1e-9).all()


def test_a_slope_of_zero_leads_home() -> None:
    centre, start, slope, price = problem(2)
    gain = torch.ones(ROWS, dtype=torch.float64)
    found = nearest_reaching(centre, start, slope * 0, gain, 0.3, price)
    torch.testing.assert_close(found, start + (centre - start).clamp(-0.3, 0.3))
