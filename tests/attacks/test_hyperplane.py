"""Projections onto a hyperplane within the box, compared with independent solvers."""

import numpy as np
import pytest
import torch
from scipy.optimize import linprog, minimize
from torch import Tensor

from advkit.attacks.hyperplane import cross
from advkit.engine import NORMS

SIZE = 7
each_norm = pytest.mark.parametrize("norm", ["Linf", "L2", "L1"])


def problems(n: int = 24) -> tuple[Tensor, Tensor, Tensor]:
    """Return points with many entries at the walls, slopes, and gains that the box allows."""
    g = torch.Generator().manual_seed(3)
    z = torch.rand(n, SIZE, generator=g).double()
    z = z.where(z < 0.8, 1.0).where(z > 0.2, 0.0)
    w = torch.randn(n, SIZE, generator=g).double() * 10 ** torch.randn(n, 1, generator=g).double()
    w[:, 0] = 0  # an entry that is not asked
    most = (w.abs() * torch.where(w > 0, 1 - z, z)).sum(1)
    least = -(w.abs() * torch.where(w < 0, 1 - z, z)).sum(1)
    return z, w, least + (most - least) * torch.rand(n, generator=g).double()


def by_linear_program(norm: str, z: np.ndarray, w: np.ndarray, gain: float) -> float:
    """Return the least size of a move: over (u, t) with |u - z| <= t, entry by entry or in all."""
    d, eye = len(z), np.eye(len(z))
    extra = np.ones((d, 1)) if norm == "Linf" else eye
    walls = np.block([[eye, -extra], [-eye, -extra]])
    found = linprog(
        np.r_[np.zeros(d), np.ones(extra.shape[1])],
        A_ub=walls,
        b_ub=np.r_[z, -z],
        A_eq=np.r_[w, np.zeros(extra.shape[1])][None],
        b_eq=[gain + w @ z],
        bounds=[(0, 1)] * d + [(0, None)] * extra.shape[1],
    )
    assert found.success
    return float(found.fun)


def by_quadratic_program(z: np.ndarray, w: np.ndarray, gain: float) -> float:
    scale = np.abs(w).max()
    best = np.inf
    for start in (z, np.full_like(z, 0.5)):
        found = minimize(
            lambda u: ((u - z) ** 2).sum(), start, jac=lambda u: 2 * (u - z), method="SLSQP",
            bounds=[(0, 1)] * len(z), options={"ftol": 1e-14, "maxiter": 300},
            constraints={"type": "eq", "fun": lambda u: (w @ (u - z) - gain) / scale},
        )  # fmt: skip
        if found.success:
            best = min(best, float(np.sqrt(found.fun)))
    return best


@each_norm
def test_is_the_nearest_point_that_a_general_solver_finds(norm: str) -> None:
    z, w, gain = problems()
    u = cross(norm, z, w, gain)
    assert ((u >= 0) & (u <= 1)).all()
    torch.testing.assert_close((w * (u - z)).sum(1), gain)
    wanted = [
        by_quadratic_program(*each) if norm == "L2" else by_linear_program(norm, *each)
        for each in zip(z.numpy(), w.numpy(), gain.tolist(), strict=True)
    ]
    torch.testing.assert_close(
        NORMS[norm].size(u - z), torch.tensor(wanted, dtype=z.dtype), rtol=1e-6, atol=1e-7
    )


@each_norm
def test_a_second_time_nothing_is_left_to_gain(norm: str) -> None:
    z, w, gain = problems(200)
    u = cross(norm, z, w, gain)
    again = cross(norm, u, w, gain - (w * (u - z)).sum(1))
    torch.testing.assert_close(again, u, rtol=0, atol=1e-12)


@each_norm
def test_entries_without_a_slope_and_samples_without_a_wish_stay(norm: str) -> None:
    z, w, gain = problems()
    assert torch.equal(cross(norm, z, w, gain)[:, 0], z[:, 0])
    assert torch.equal(cross(norm, z, w, torch.zeros_like(gain)), z)
    assert torch.equal(cross(norm, z, torch.zeros_like(w), gain), z)
    assert torch.equal(cross(norm, z, w, gain * torch.nan), z)


@each_norm
@pytest.mark.parametrize("wish", [1e3, -1e3, torch.inf, 1e38])
def test_where_the_box_is_too_small_it_goes_to_the_corner(norm: str, wish: float) -> None:
    z, w, gain = problems()
    u = cross(norm, z.float(), w.float() / w.abs().amax(1, keepdim=True).float(),
              torch.full_like(gain, wish).float())  # fmt: skip
    uphill = w > 0 if wish > 0 else w < 0
    corner = torch.where(w == 0, z, uphill.double()).float()
    torch.testing.assert_close(u, corner, rtol=0, atol=1e-6)


@each_norm
def test_no_sample_knows_of_another_and_any_shape_will_do(norm: str) -> None:
    z, w, gain = (each.float() for each in problems())
    whole = cross(norm, z, w, gain)
    ones = [cross(norm, z[i : i + 1], w[i : i + 1], gain[i : i + 1]) for i in range(len(z))]
    assert torch.equal(torch.cat(ones), whole)
    assert torch.equal(
        cross(norm, z[:, None, :, None], w[:, None, :, None], gain)[:, 0, :, 0], whole
    )


@each_norm
def test_single_precision_is_enough_on_images(norm: str) -> None:
    g = torch.Generator().manual_seed(0)
    z = torch.rand(8, 3, 64, 64, generator=g).where(torch.rand(8, 3, 64, 64, generator=g) < 0.5, 0)
    w = torch.randn(8, 3, 64, 64, generator=g) * 1e-3
    gain = torch.linspace(-2, 2, 8)
    u = cross(norm, z, w, gain)
    gained = (w.double() * (u.double() - z.double())).flatten(1).sum(1)
    torch.testing.assert_close(gained, gain.double(), rtol=1e-4, atol=1e-5)
    wide = cross(norm, z.double(), w.double(), gain.double())
    torch.testing.assert_close(
        NORMS[norm].size(u - z).double(), NORMS[norm].size(wide - z), rtol=1e-4, atol=1e-5
    )
