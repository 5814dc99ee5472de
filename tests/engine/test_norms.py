import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog
from torch import Tensor

from advkit.engine import NORMS
from advkit.engine.projections import furthest

BALLS = ["L0", "L1", "L2", "Linf"]
SIZE = 7


@st.composite
def problems(draw: st.DrawFn) -> tuple[Tensor, Tensor, Tensor]:
    """Points anywhere, centres in the box (corners too), radii from nothing to everything."""
    seed = draw(st.integers(0, 2**31))
    g = torch.Generator().manual_seed(seed)
    n = draw(st.integers(1, 4))
    spread = draw(st.sampled_from([0.01, 0.3, 3.0]))
    centre = torch.rand(n, SIZE, generator=g, dtype=torch.float64)
    centre = centre.where(torch.rand(n, SIZE, generator=g) > 0.2, centre.round())
    x = centre + spread * torch.randn(n, SIZE, generator=g, dtype=torch.float64)
    radius = draw(st.sampled_from([0.0, 0.05, 1.0, 3.0])) + torch.zeros(n, dtype=torch.float64)
    return x, centre, radius


def by_bisection(norm: str, x: Tensor, centre: Tensor, radius: Tensor) -> Tensor:
    """Find the multiplier of the ball's constraint by bisection: slow, plain, exact to 1e-12."""
    d = x - centre

    def at(cut: Tensor) -> Tensor:
        soft = d.sign() * (d.abs() - cut).clamp_min(0) if norm == "L1" else d / (1 + cut)
        return (centre + soft).clamp(0, 1)

    low, high = torch.zeros(len(x), 1).double(), torch.full((len(x), 1), 1e12).double()
    for _ in range(200):
        middle = (low + high) / 2
        inside = NORMS[norm].size(at(middle) - centre) <= radius
        high = torch.where(inside[:, None], middle, high)
        low = torch.where(inside[:, None], low, middle)
    free = x.clamp(0, 1)
    fits = NORMS[norm].size(free - centre) <= radius
    return torch.where(fits[:, None], free, at(high))


@settings(max_examples=150, deadline=None)
@given(problems())
def test_confine_is_the_nearest_point(problem: tuple[Tensor, Tensor, Tensor]) -> None:
    x, centre, radius = problem
    for norm in ("L1", "L2"):
        found = NORMS[norm].confine(x, centre, radius)
        torch.testing.assert_close(
            found, by_bisection(norm, x, centre, radius), atol=2e-6, rtol=1e-6
        )
    linf = NORMS["Linf"].confine(x, centre, radius)
    assert torch.equal(
        linf, (centre + (x - centre).clamp(-radius[:, None], radius[:, None])).clamp(0, 1)
    )


@settings(max_examples=100, deadline=None)
@given(problems(), st.sampled_from(["L1", "L2", "Linf"]))
def test_projections_are_inside_and_idempotent(
    problem: tuple[Tensor, Tensor, Tensor], norm: str
) -> None:
    x, centre, radius = problem
    geometry = NORMS[norm]
    boxed = geometry.confine(x, centre, radius)
    ball = centre + geometry.project(x - centre, radius)
    for once in (boxed, ball):
        assert (geometry.size(once - centre) <= radius * (1 + 1e-12) + 1e-12).all()
    again = geometry.confine(boxed, centre, radius)
    torch.testing.assert_close(again, boxed, atol=1e-12, rtol=1e-12)
    again = centre + geometry.project(ball - centre, radius)
    torch.testing.assert_close(again, ball, atol=1e-12, rtol=1e-12)
    assert ((boxed >= 0) & (boxed <= 1)).all()


@settings(max_examples=50, deadline=None)
@given(problems(), st.integers(0, SIZE))
def test_l0_moves_no_more_than_it_may(problem: tuple[Tensor, Tensor, Tensor], count: int) -> None:
    x, centre, _ = problem
    most = torch.full((len(x),), float(count))
    boxed = NORMS["L0"].confine(x, centre, most)
    assert (NORMS["L0"].size(boxed - centre) <= count).all()
    assert ((boxed >= 0) & (boxed <= 1)).all()
    kept = NORMS["L0"].project(x - centre, most)
    assert (NORMS["L0"].size(kept) <= count).all()
    left, moved = (x - centre - kept).abs(), kept.abs()
    assert (left.amax(1) <= moved.masked_fill(kept == 0, torch.inf).amin(1)).all()


@pytest.mark.parametrize("norm", BALLS)
def test_projection_is_identity_inside_and_of_full_size_outside(norm: str) -> None:
    d = torch.tensor([[3.0, -1.0, 0.5, 0.0]], dtype=torch.float64)
    size = NORMS[norm].size(d)
    torch.testing.assert_close(NORMS[norm].project(d, size + 1e-9), d)
    half = torch.floor(size / 2) if norm == "L0" else size / 2
    torch.testing.assert_close(NORMS[norm].size(NORMS[norm].project(d, half)), half)


def test_l0_keeps_what_saves_most_within_the_box() -> None:
    centre = torch.tensor([[0.9, 0.5, 0.5]])
    x = torch.tensor([[9.0, 0.9, 0.45]])  # the first could only move by 0.1
    kept = NORMS["L0"].confine(x, centre, torch.tensor([1.0]))
    exact = min(
        ((x - u).square().sum().item(), u.tolist())
        for u in (torch.tensor([[1.0, 0.5, 0.5]]), torch.tensor([[0.9, 0.9, 0.5]]))
    )[1]
    assert kept.tolist() == exact


@pytest.mark.parametrize("norm", ["L1", "L2", "Linf"])
def test_steepest_reaches_the_dual_norm(norm: str) -> None:
    g = torch.randn(5, 3, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    step = NORMS[norm].steepest(g)
    torch.testing.assert_close(NORMS[norm].size(step), torch.ones(5).double())
    torch.testing.assert_close((g * step).flatten(1).sum(1), NORMS[norm].dual(g))
    assert NORMS[norm].steepest(torch.zeros(2, 3)).count_nonzero() == 0
    tiny = NORMS["L2"].steepest(torch.full((1, 9), 1e-30))
    assert NORMS["L2"].size(tiny).item() == pytest.approx(1)


@pytest.mark.parametrize("norm", BALLS)
@pytest.mark.parametrize("shape", [(6,), (2, 3), (3, 4, 5)])
def test_layout_and_batch_change_nothing(norm: str, shape: tuple[int, ...]) -> None:
    g = torch.Generator().manual_seed(0)
    x, centre = torch.randn(5, *shape, generator=g), torch.rand(5, *shape, generator=g)
    radius = torch.tensor([0.0, 0.1, 1.0, 2.0, 9.0])
    whole = NORMS[norm].confine(x, centre, radius)
    for i in range(5):
        one = NORMS[norm].confine(x[i : i + 1], centre[i : i + 1], radius[i : i + 1])
        assert torch.equal(one[0], whole[i])
    if len(shape) == 3:
        last = torch.channels_last
        other = NORMS[norm].confine(x.to(memory_format=last), centre.to(memory_format=last), radius)
        assert torch.equal(other, whole)


@pytest.mark.parametrize("norm", ["L1", "L2", "Linf"])
@pytest.mark.parametrize("eps", [0.05, 0.7, 2.5])
def test_furthest_is_the_optimum_of_a_linear_function(norm: str, eps: float) -> None:
    g = torch.Generator().manual_seed(4)
    c, slope = torch.rand(6, SIZE, generator=g).double(), torch.randn(6, SIZE, generator=g).double()
    slope[0, :3] = 0
    radius = torch.full((6,), eps, dtype=torch.float64)
    found = furthest(norm, slope, c, radius)
    assert (NORMS[norm].size(found - c) <= eps * (1 + 1e-9)).all()
    for i in range(6):
        gain = (slope[i] * (found[i] - c[i])).sum().item()
        assert gain == pytest.approx(optimum(norm, slope[i], c[i], eps), rel=1e-6, abs=1e-9)


def optimum(norm: str, slope: Tensor, centre: Tensor, eps: float) -> float:
    """Return the largest gain: by linear programming, for L2 by bisection on the multiplier."""
    if norm == "L2":
        low, high = 0.0, 1e9
        for _ in range(300):
            middle = (low + high) / 2
            d = (centre + middle * slope).clamp(0, 1) - centre
            low, high = (middle, high) if d.norm() <= eps else (low, middle)
        return float((slope * ((centre + low * slope).clamp(0, 1) - centre)).sum())
    up, down = (1 - centre).tolist(), centre.tolist()
    if norm == "Linf":
        up, down = ([min(room, eps) for room in side] for side in (up, down))
    cost = [*(-slope).tolist(), *slope.tolist()]  # d = plus - minus
    limit = {"A_ub": [[1.0] * (2 * SIZE)], "b_ub": [eps]} if norm == "L1" else {}
    solved = linprog(cost, bounds=[(0, room) for room in [*up, *down]], **limit)
    return float(-solved.fun)


def test_a_unit_gradient_does_not_depend_on_those_beside_it() -> None:
    """Where the squares of one vanish or overflow, others go the longer way with it."""
    g = torch.rand(5, 1, 6, 6, generator=torch.Generator().manual_seed(0)) - 0.5
    g[1] *= 1e-30
    g[2] = 0
    g[3] *= 1e25
    found = NORMS["L2"].steepest(g)
    alone = torch.cat([NORMS["L2"].steepest(g[i : i + 1]) for i in range(5)])
    assert torch.equal(found, alone)
    sizes = found.double().flatten(1).norm(dim=1)
    assert torch.allclose(sizes, torch.tensor([1.0, 1, 0, 1, 1]).double(), atol=1e-6)
