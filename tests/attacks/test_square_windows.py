import pytest
import torch

from advkit.attacks.square_windows import Windows, _pyramids, move_mass, recolour, tiled
from advkit.engine import NORMS
from advkit.engine.seeding import keys, uniform


def reference(tall: int, wide: int, power: int) -> torch.Tensor:
    """Nested rectangles by the loop of the published code (Andriushchenko et al. 2020)."""
    d = torch.zeros(tall, wide)
    xc, yc = tall // 2 + 1, wide // 2 + 1
    at = [xc - 1, yc - 1]
    for k in range(max(xc, yc)):
        down = slice(max(at[0], 0), min(at[0] + 2 * k + 1, tall))
        right = slice(max(at[1], 0), min(at[1] + 2 * k + 1, wide))
        d[down, right] += 1 / (k + 1) ** power
        at = [at[0] - 1, at[1] - 1]
    return d


@pytest.mark.parametrize("side", [3, 5, 7, 9])
@pytest.mark.parametrize(("norm", "power", "p"), [("L2", 2, 2), ("L1", 4, 1)])
def test_pyramids_are_those_of_the_published_code(side: int, norm: str, power: int, p: int) -> None:
    half = side // 2
    wanted = torch.cat([reference(half, side, power), -reference(side - half, side, power)])
    wanted = wanted / torch.linalg.vector_norm(wanted, p)
    torch.testing.assert_close(_pyramids(side, side, norm, across=False), wanted)
    torch.testing.assert_close(_pyramids(side, side, norm, across=True), wanted.T)


def test_windows_reach_every_row_and_column_the_last_too() -> None:
    windows = Windows(6, 9, 2, 2)
    draws = uniform(keys(0, None, torch.zeros(2000)), (2,))
    hit = torch.zeros(54)
    hit[windows.place(draws).flatten()] = 1
    assert hit.all(), "some pixels can never change"


@pytest.mark.parametrize("shape", [(3, 28, 28), (1, 9, 7), (1, 1, 40), (1, 40, 1), (2, 3, 3)])
@pytest.mark.parametrize("share", [0.8, 0.1, 0.001])
def test_windows_cover_about_their_share_and_fit(shape: tuple[int, ...], share: float) -> None:
    for norm in ("Linf", "L2"):
        windows = Windows.of((1, *shape), share, norm)
        assert 1 <= windows.tall <= shape[1]
        assert 1 <= windows.wide <= shape[2]
    windows = Windows.of((1, *shape), share, "Linf")
    area = windows.tall * windows.wide
    assert abs(area - share * shape[1] * shape[2]) <= max(shape[1], shape[2])


@pytest.mark.parametrize("norm", ["L2", "L1"])
def test_mass_moves_and_is_kept(norm: str) -> None:
    x = torch.full((8, 3, 12, 12), 0.5)
    radius, stream = torch.full((8,), 1.0), keys(0, None, x)
    best = tiled(x, radius, stream, norm)
    windows = Windows.of(x.shape, 0.1, norm)
    moved = move_mass(best, x, radius, windows, uniform(stream, (8,), 1), norm)
    torch.testing.assert_close(NORMS[norm].size(moved - x), radius)
    changed = (moved != best).flatten(1).any(1)
    assert changed.all()


def test_recolouring_changes_one_window_by_twice_the_radius_per_channel() -> None:
    x = torch.full((1, 3, 8, 8), 0.5)
    best = x - 0.1
    windows = Windows(8, 8, 3, 3)
    draws = torch.tensor([[0.0, 0.99, 0, 0, 0, 0.9, 0.1, 0.9]], dtype=torch.float64)
    moved = recolour(best, x, torch.tensor([0.1]), windows, draws) - best
    window = torch.zeros(8, 8)
    window[:3, 5:] = 0.2
    wanted = torch.stack([window, torch.zeros(8, 8), window])  # down is cut to the ball
    torch.testing.assert_close(moved[0], wanted)
