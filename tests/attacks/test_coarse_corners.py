"""Coarse corners: their points, their search, and a net whose gradient only they detect."""

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from advkit.attacks import coarse_pgd, pgd
from advkit.attacks.coarse_corners import CELLS, FRESH, Place, corner, grid, searched
from advkit.attacks.walks import margins_of
from advkit.engine import NORMS, metered
from advkit.engine.seeding import keys, signs

EPS = 0.1


def any_corner(x: Tensor, norm: str = "Linf", number: int = 0) -> Tensor:
    key = keys(0, [str(k) for k in range(len(x))], x, "test")
    cells = (signs(key, grid(x), number) > 0).to(x.dtype)
    return corner(norm, cells, x, torch.full((len(x),), EPS))


@pytest.mark.parametrize("shape", [(3, 28, 28), (1, 30, 11), (2, 5, 64), (9, 8), (100,), (3,)])
def test_signs_are_alike_over_cells_and_all_entries_are_at_full_distance(
    shape: tuple[int, ...],
) -> None:
    x = torch.full((6, *shape), 0.5)
    away = any_corner(x) - x
    torch.testing.assert_close(away.abs(), torch.full_like(away, EPS), rtol=0, atol=1e-6)
    for side in range(1 if len(shape) == 1 else 2):
        turns = (away.diff(dim=-1 - side).abs() > EPS).flatten(0, -2 - side)
        changed = turns.movedim(-1 - side, -1).flatten(0, -2).any(0)
        assert changed.sum() < CELLS
        if shape[-1 - side] >= 2 * CELLS:
            assert changed.any()
    assert not any_corner(x).equal(any_corner(x, number=1))


def test_in_l2_the_corner_is_on_the_ball_and_in_the_box() -> None:
    x = torch.rand(5, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    start = any_corner(x, "L2")
    assert start.min() >= 0
    assert start.max() <= 1
    assert (NORMS["L2"].size(start - x) <= EPS * (1 + 1e-5)).all()
    grey = torch.full_like(x, 0.5)
    sizes = NORMS["L2"].size(any_corner(grey, "L2") - grey)
    torch.testing.assert_close(sizes, torch.full((5,), EPS))


def some_place(count: int) -> tuple[nn.Module, Place]:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Flatten(), nn.Linear(2 * 20 * 28, 3)).eval().requires_grad_(False)
    x = torch.rand(count, 2, 20, 28)
    key = keys(0, [str(k) for k in range(count)], x, "test")
    return net, Place(x, net(x).argmax(1), torch.full((count,), 1e-3), key, None)


def test_the_search_finds_the_better_corners_the_longer_it_goes_on() -> None:
    net, place = some_place(6)
    reached = [
        margins_of(net, searched(net, place, "Linf", 0, queries), place.y)
        for queries in (1, FRESH, 200)
    ]
    assert (reached[0] <= reached[1]).all()
    assert (reached[1] < reached[2]).all()


def test_a_search_asks_as_often_as_it_was_told_and_no_more_where_it_fooled() -> None:
    net, place = some_place(4)
    with metered(net) as meter:
        searched(net, place, "Linf", 0, 30)
    assert meter.forwards == 4 * 30
    with metered(net) as meter:
        searched(net, place._replace(y=(place.y + 1) % 3), "Linf", 0, 30)
    assert meter.forwards == 4


def test_a_samples_corner_does_not_depend_on_its_neighbours() -> None:
    net, place = some_place(4)
    whole = searched(net, place, "Linf", 2, 20)
    alone = Place(*(None if each is None else each[1:2] for each in place))
    assert whole[1:2].equal(searched(net, alone, "Linf", 2, 20))


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
