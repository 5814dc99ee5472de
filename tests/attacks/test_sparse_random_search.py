"""Sparse-RS compared with enumeration on linear models, whose best pixels are known."""

import itertools

import pytest
import torch
from torch import Tensor

from advkit.attacks import ATTACKS
from advkit.attacks.sparse_random_search import share_at
from advkit.engine.objectives import margins
from tests.attacks.problems import Affine

PLACES = 9


def sure(channels: int) -> tuple[Affine, Tensor, Tensor]:
    """Return a linear model that nothing fools, so that the search goes on; images and labels."""
    draws = torch.Generator().manual_seed(1)
    weight = torch.randn(channels * PLACES, generator=draws)
    x = torch.rand(5, channels, 3, 3, generator=draws)
    return Affine(weight, torch.tensor(-100.0)), x, torch.zeros(5, dtype=torch.int64)


def best_of_all(model: Affine, x: Tensor, pixels: int) -> Tensor:
    """Return the highest margin of any ``pixels`` places at any corner of the colour cube."""
    n, channels = x.shape[:2]
    found = torch.full((n,), -torch.inf)
    corners = torch.tensor(list(itertools.product([0.0, 1.0], repeat=channels)))
    for places in map(list, itertools.combinations(range(PLACES), pixels)):
        for colours in itertools.product(corners, repeat=pixels):
            tried = x.flatten(2).clone()
            tried[:, :, places] = torch.stack(colours, 1)
            reached = margins(model(tried.view_as(x)), torch.zeros(n, dtype=torch.int64))
            found = torch.maximum(found, reached)
    return found


@pytest.mark.parametrize(("channels", "pixels"), [(1, 2), (1, 9), (3, 1), (2, 2)])
def test_it_finds_the_best_pixels_and_colours_of_all(channels: int, pixels: int) -> None:
    model, x, y = sure(channels)
    found = ATTACKS["sparse_rs"](model, x, y, eps=channels * pixels, queries=1500)
    assert (found != x).any(1).flatten(1).sum(1).max() <= pixels
    assert margins(model(found), y) == pytest.approx(best_of_all(model, x, pixels), abs=1e-4)


def test_every_question_is_about_as_many_new_pixels_as_there_may_be() -> None:
    """A corner that is the old colour would be a pixel for nothing."""
    model, _, y = sure(1)
    x = torch.zeros(5, 1, 3, 3)
    asked: list[Tensor] = []

    def spy(points: Tensor) -> Tensor:
        asked.append(points)
        return model(points)

    ATTACKS["sparse_rs"](spy, x, y, eps=torch.tensor([1.0, 2, 3, 4, 9]), queries=30)
    assert len(asked) == 30
    assert {tuple((points != x).flatten(1).sum(1).tolist()) for points in asked} == {
        (1, 2, 3, 4, 9)
    }


def test_the_schedule_is_that_of_the_paper_stretched_over_the_budget() -> None:
    assert [share_at(at, 10_000, 0.3) for at in (0, 50, 51, 1000, 9999)] == pytest.approx(
        [0.3, 0.15, 0.075, 0.05, 0.015]
    )
    assert share_at(5, 1000, 0.3) == share_at(50, 10_000, 0.3)
