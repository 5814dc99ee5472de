"""Coarse corners: where they lie, and a net whose gradient is seen from there alone."""

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from advkit.attacks import coarse_pgd, pgd
from advkit.attacks.coarse_corners import CELLS, coarse_corner
from advkit.engine import NORMS
from advkit.engine.seeding import keys

EPS = 0.1


def corner(x: Tensor, norm: str = "Linf", number: int = 0) -> Tensor:
    ids = [str(k) for k in range(len(x))]
    return coarse_corner(norm, keys(0, ids, x, "test"), x, torch.full((len(x),), EPS), number)


@pytest.mark.parametrize("shape", [(3, 28, 28), (1, 30, 11), (2, 5, 64), (9, 8), (100,), (3,)])
def test_signs_are_alike_over_cells_and_all_entries_are_at_full_distance(
    shape: tuple[int, ...],
) -> None:
    x = torch.full((6, *shape), 0.5)
    away = corner(x) - x
    torch.testing.assert_close(away.abs(), torch.full_like(away, EPS), rtol=0, atol=1e-6)
    for side in range(1 if len(shape) == 1 else 2):
        turns = (away.diff(dim=-1 - side).abs() > EPS).flatten(0, -2 - side)
        changed = turns.movedim(-1 - side, -1).flatten(0, -2).any(0)
        assert changed.sum() < CELLS
        if shape[-1 - side] > 2 * CELLS:
            assert changed.any()
    assert not corner(x).equal(corner(x, number=1))


def test_in_l2_the_corner_is_on_the_ball_and_in_the_box() -> None:
    x = torch.rand(5, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    start = corner(x, "L2")
    assert start.min() >= 0
    assert start.max() <= 1
    assert (NORMS["L2"].size(start - x) <= EPS * (1 + 1e-5)).all()
    grey = torch.full_like(x, 0.5)
    torch.testing.assert_close(NORMS["L2"].size(corner(grey, "L2") - grey), torch.full((5,), EPS))


def test_a_samples_corner_does_not_depend_on_its_neighbours() -> None:
    x = torch.rand(4, 1, 9, 9)
    key = keys(0, list("abcd"), x, "test")
    radius = torch.full((4,), EPS)
    whole = coarse_corner("Linf", key, x, radius, 2)
    assert whole[1:2].equal(coarse_corner("Linf", key[1:2], x[1:2], radius[1:2], 2))


class Deaf(nn.Module):
    """Hears of each 4 x 4 tile only its mean, and that only when it is away from grey by 0.04."""

    def forward(self, x: Tensor) -> Tensor:
        tiles = F.avg_pool2d(x, 4).flatten(1) - 0.5
        heard = (tiles.abs() - 0.04).relu().sum(1)
        return torch.stack([torch.full_like(heard, 1.5), heard], 1)


def test_gradients_that_noise_does_not_see_are_seen_from_coarse_corners() -> None:
    model, x = Deaf(), torch.full((8, 1, 28, 28), 0.5)
    y = torch.zeros(8, dtype=torch.long)
    noise = pgd(model, x, y, eps=EPS, steps=20, restarts=3, loss="margin")
    coarse = coarse_pgd(model, x, y, eps=EPS)
    assert (model(noise).argmax(1) == 0).all()
    assert (model(coarse).argmax(1) == 1).all()
