"""The smallest eps of a fixed-budget attack, compared with exact distances."""

from collections.abc import Sequence
from functools import partial
from typing import Literal

import pytest
import torch
from torch import Tensor, nn

from advkit.attacks.fast_gradient import fgsm
from advkit.attacks.minimised_budget import minimised
from advkit.attacks.projected_gradient import pgd
from advkit.engine import NORMS, metered, rows
from advkit.engine.objectives import Model, margins
from advkit.engine.projections import furthest
from tests.attacks.problems import affine, boxed_radius, cnn, few, images, near_boundary


@pytest.mark.parametrize("kind", ["plain", "box in the way"])
@pytest.mark.parametrize("norm", ["Linf", "L2", "L1"])
def test_minimised_ends_within_a_hundredth_of_the_exact_distance(norm: str, kind: str) -> None:
    model = affine(30, seed=2)
    x = torch.rand(24, 30, generator=torch.Generator().manual_seed(5))
    x = x.where(x < 0.7, 1.0).where(x > 0.3, 0.0)
    if kind == "plain":
        x = near_boundary(model, 24, 0.05 if norm == "Linf" else 0.1, norm)
    y = model(x).argmax(1)
    exact = boxed_radius(model, x, y, norm)
    for inner in (fgsm, partial(pgd, steps=80))[: 1 if norm == "L1" else 2]:
        found = minimised(inner, 14)(model, x, y, norm=norm)
        assert (margins(model(found), y) > 0).all()
        ratio = NORMS[norm].size(found.double() - x.double()) / exact
        assert (ratio > 1 - 1e-4).all()
        assert ratio.max() < 1.01


def test_minimised_counts_entries_in_l0() -> None:
    model = affine(30, seed=2)
    x = torch.rand(24, 30, generator=torch.Generator().manual_seed(5))
    y = model(x).argmax(1)

    def greedy(
        model: Model, x: Tensor, y: Tensor, *, eps: float | Tensor, norm: Literal["L0"] = "L0",
        targets: Tensor | None = None, seed: int = 0, ids: Sequence[str] | None = None,
    ) -> Tensor:  # fmt: skip
        down = torch.where(y[:, None] == 1, -model.weight, model.weight)
        room = down.abs() * torch.where(down > 0, 1 - x, x)
        place = room.argsort(1, descending=True).argsort(1)
        return torch.where(place < rows(torch.as_tensor(eps), x), (down > 0).to(x.dtype), x)

    found = minimised(greedy)(model, x, y)
    count = (found != x).sum(1)
    down = torch.where(y[:, None] == 1, -model.weight, model.weight)
    assert torch.equal(count, _exact_count(model, x, y, down))


def _exact_count(model: nn.Module, x: Tensor, y: Tensor, down: Tensor) -> Tensor:
    room = (down.abs() * torch.where(down > 0, 1 - x, x)).sort(1, descending=True).values.cumsum(1)
    score = (x @ model.weight + model.bias).abs()
    return (room <= score[:, None]).sum(1) + 1


def test_a_true_size_far_below_eps_is_the_next_upper_end() -> None:
    asked: list[float] = []

    def keen(
        model: Model, x: Tensor, y: Tensor, *, eps: float | Tensor, norm: Literal["L2"] = "L2",
        targets: Tensor | None = None, seed: int = 0, ids: Sequence[str] | None = None,
    ) -> Tensor:  # fmt: skip
        """Return the nearest point of all whenever it is within eps."""
        asked.append(float(eps))
        down = torch.where(y[:, None] == 1, -model.weight, model.weight)
        best = furthest("L2", down, x, 1.0001 * boxed_radius(model, x, y, "L2"))
        reached = NORMS["L2"].size(best - x) <= eps
        return torch.where(rows(reached, x), best, x)

    model = affine(400)
    x = near_boundary(model, 1, 0.01, "L2")
    y = model(x).argmax(1)
    exact = float(boxed_radius(model, x, y, "L2"))
    found = minimised(keen, 4)(model, x, y)
    assert asked[0] == pytest.approx(20 / 32)
    assert asked[0] > 30 * exact
    assert asked[1] == pytest.approx(exact / 2, rel=0.01), "it ignores how near the point is"
    assert float(NORMS["L2"].size(found - x)) == pytest.approx(exact, rel=1e-3)


def test_a_misread_image_is_its_own_example() -> None:
    model, x = cnn(), images(6)
    wrong = (model(x).argmax(1) + 1) % 4
    for eps in (None, 0.1):
        with metered(model) as meter:
            assert torch.equal(minimised(few)(model, x, wrong, eps=eps), x)
        assert (meter.forwards, meter.backwards) == (6, 0)
