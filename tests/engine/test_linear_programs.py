"""The linear program of one row ends where scipy's solver does, whatever binds."""

import numpy as np
import pytest
import torch
from scipy.optimize import linprog
from torch import Tensor

from advkit.engine.linear_programs import furthest_within, nearest_reaching

ROWS, SIZE = 6, 12


def problem(seed: int) -> tuple[Tensor, ...]:
    g = torch.Generator().manual_seed(seed)
    centre, start = torch.rand(2, ROWS, SIZE, generator=g, dtype=torch.float64)
    slope = torch.randn(ROWS, SIZE, generator=g, dtype=torch.float64)
    price = torch.rand(ROWS, SIZE, generator=g, dtype=torch.float64) + 0.5
    return centre, start, slope, price


def least(centre: Tensor, start: Tensor, slope: Tensor, gain: float, trust: float, price: Tensor):  # type: ignore[no-untyped-def]
    """Solve for plus and minus, z = centre + plus - minus, by scipy."""
    rows = torch.cat([-slope, slope]).numpy()[None]
    low, high = (start - trust).clamp_min(0) - centre, (start + trust).clamp_max(1) - centre
    both = np.concatenate([np.eye(SIZE), -np.eye(SIZE)], 1)
    limits = np.concatenate([rows, both, -both])
    bounds = [-(gain - float((slope * (centre - start)).sum())), *high.tolist(), *(-low).tolist()]
    return linprog(torch.cat([price, price]).numpy(), A_ub=limits, b_ub=bounds, bounds=(0, None))


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("gain", [-1.0, 0.0, 0.4, 1.5])
@pytest.mark.parametrize("trust", [0.05, 0.4, 2.0])
def test_it_is_the_optimum(seed: int, gain: float, trust: float) -> None:
    centre, start, slope, price = problem(seed)
    goal, reach = torch.tensor([[gain], [trust]], dtype=torch.float64).expand(2, ROWS)
    found = nearest_reaching(centre, start, slope, goal, reach, price)
    assert (found >= 0).all()
    assert (found <= 1).all()
    assert ((found - start).abs() <= trust + 1e-12).all()
    high, low = (start + trust).clamp_max(1), (start - trust).clamp_min(0)
    most = (slope * (torch.where(slope > 0, high, low) - start)).sum(1)
    gained = (slope * (found - start)).sum(1)
    assert (gained >= torch.minimum(goal, most) - 1e-9).all()
    solved = [least(*each, gain, trust, p) for *each, p in zip(centre, start, slope, price)]  # noqa: B905
    assert [each.success for each in solved] == (most >= gain).tolist()
    for each, cost in zip(solved, (price * (found - centre).abs()).sum(1).tolist(), strict=True):
        if each.success:
            assert cost == pytest.approx(each.fun, abs=1e-9)


@pytest.mark.parametrize("radius", [0.0, 0.5, 3.0])
@pytest.mark.parametrize("trust", [0.05, 0.4, 2.0])
def test_the_highest_point_of_a_ball_is_the_optimum(radius: float, trust: float) -> None:
    centre, start, slope, price = problem(3)
    size, reach = torch.tensor([[radius], [trust]], dtype=torch.float64).expand(2, ROWS)
    found = furthest_within(centre, start, slope, size, reach, torch.ones_like(price))
    for z, c, s, g in zip(found, centre, start, slope, strict=True):
        low, high = (s - trust).clamp_min(0) - c, (s + trust).clamp_max(1) - c
        both = np.concatenate([np.eye(SIZE), -np.eye(SIZE)], 1)
        limits = np.concatenate([np.ones((1, 2 * SIZE)), both, -both])
        bounds = [radius, *high.tolist(), *(-low).tolist()]
        solved = linprog(torch.cat([-g, g]).numpy(), A_ub=limits, b_ub=bounds, bounds=(0, None))
        nearest = c.clamp((s - trust).clamp_min(0), (s + trust).clamp_max(1))
        if solved.success:
            assert float((g * (z - c)).sum()) == pytest.approx(-solved.fun, abs=1e-9)
            assert float((z - c).abs().sum()) <= radius + 1e-9
        else:
            assert float((nearest - c).abs().sum()) > radius
            torch.testing.assert_close(z, nearest)
    dear = furthest_within(centre, start, slope, size, reach, price)
    inside = (found - centre).abs().sum(1) <= radius + 1e-9
    assert ((dear - centre).abs().sum(1)[inside] <= radius + 1e-9).all()


def test_a_slope_of_zero_leads_home() -> None:
    centre, start, slope, price = problem(2)
    gain, trust = torch.tensor([[1.0], [0.3]], dtype=torch.float64).expand(2, ROWS)
    found = nearest_reaching(centre, start, slope * 0, gain, trust, price)
    torch.testing.assert_close(found, start + (centre - start).clamp(-0.3, 0.3))
