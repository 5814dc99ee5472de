"""Gradients estimated by nes and spsa, and steps of simba, compared with exact values."""

import pytest
import torch
from torch import Tensor

from advkit.attacks import ATTACKS
from advkit.attacks.estimated_gradient import Draw, Estimate
from advkit.engine.seeding import keys, normal, signs
from tests.attacks.problems import affine

D, SIGMA = 12, 0.05
SLOPE = torch.linspace(-1, 2, D, dtype=torch.float64)[None]
CURVE = torch.linspace(0.5, 3, D, dtype=torch.float64)[None]
DRAWS = [normal, signs]


def linear(x: Tensor) -> Tensor:
    return (SLOPE * x).sum(1)


def estimated(draw: Draw, x: Tensor, value, pairs: int, first: int = 0) -> Tensor:
    stream, sigma = keys(0, None, x, "test"), torch.full((len(x),), SIGMA, dtype=x.dtype)
    estimate = Estimate.none(x)
    for number in range(first, first + pairs):
        way = SIGMA * draw(stream, x.shape[1:], number)
        up, down = (x + way).clamp(0, 1), (x - way).clamp(0, 1)
        estimate = estimate.add(way, up, down, value(up) - value(down))
    return estimate.gradient(sigma, pairs)


@pytest.mark.parametrize("draw", DRAWS)
def test_the_mean_of_many_estimates_is_the_gradient(draw: Draw) -> None:
    """The variance of an entry is |g|^2 plus or minus its own square, over the number of pairs."""
    pairs, x = 3000, torch.full((2, D), 0.5, dtype=torch.float64)
    error = (SLOPE.square().sum() + SLOPE.square()).sqrt() / pairs**0.5
    wrong = (estimated(draw, x, linear, pairs) - SLOPE).abs() / error
    assert wrong.max() < 4.5
    assert wrong.mean() > 0.3, "far too exact: not what is estimated here"


@pytest.mark.parametrize("draw", DRAWS)
def test_mirrored_pairs_do_not_see_curvature(draw: Draw) -> None:
    x = torch.full((1, D), 0.4, dtype=torch.float64)

    def value(z: Tensor) -> Tensor:
        return (SLOPE * z + CURVE * z.square()).sum(1)

    way = draw(keys(0, None, x, "test"), x.shape[1:], 7)
    gradient = SLOPE + 2 * CURVE * x
    exact = (gradient * way).sum(1, keepdim=True) * way
    torch.testing.assert_close(estimated(draw, x, value, 1, first=7), exact)


def test_a_wall_does_not_halve_what_is_behind_it() -> None:
    """Signs: each entry by the wall is probed at one side only, all others at both."""
    x = torch.full((1, D), 0.5, dtype=torch.float64)
    x[0, -1] = 0.0
    pairs = 3000
    found = estimated(signs, x, linear, pairs)[0, -1]
    noise = 2 * float(SLOPE.norm()) / pairs**0.5
    assert abs(float(found) - 2.0) < 4.5 * noise < 1.0


@pytest.mark.parametrize("queries", [2, 9, 21])
def test_simba_moves_entries_once_and_the_right_way(queries: int) -> None:
    model, eps = affine(30), 0.05
    x = (0.5 + 0.05 * model.weight.sign()).repeat(3, 1)
    y = model(x).argmax(1)
    found = ATTACKS["simba"](model, x, y, eps=eps, queries=queries, basis="pixels", step=0.2)
    moved = found - x
    uphill = model.weight * (1 - 2 * y[:, None])
    still = model(found).argmax(1) == y
    assert still.all(), "the image is too near: nothing would be asked"
    assert ((moved != 0).sum(1) >= (queries - 1) // 2).all(), "one of two sides always helps"
    torch.testing.assert_close(
        moved, torch.where(moved != 0, 0.2 * eps * uphill.sign(), 0.0), atol=1e-6, rtol=0
    )
