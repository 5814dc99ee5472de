"""L0 attacks compared with known counts, by sorting or enumeration."""

import itertools
from typing import Any

import numpy as np
import pytest
import torch
from scipy.optimize import differential_evolution
from torch import Tensor, nn

from advkit.attacks import ATTACKS
from advkit.attacks.few_pixel_evolution import _others
from advkit.attacks.saliency_map import best_pair, saliency
from advkit.attacks.sparse_units import by_place, places_moved, to_walls
from advkit.engine.objectives import margins
from advkit.engine.seeding import keys, uniform
from tests.attacks.problems import Affine, cnn

GREEDY: dict[str, dict[str, Any]] = {  # attacks that a linear model holds no secret from
    "sigma_zero": {"steps": 100, "swaps": 20},
    "thinning": {"steps": 10, "swaps": 5, "walks": 1},
    "vfga": {"steps": 30, "samples": 1},
    "jsma": {"steps": 30, "pairs": False},
}
each_greedy = pytest.mark.parametrize("name", GREEDY)


def draw(*shape: int, seed: int = 0) -> Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


def deep(channels: int, *, alike: bool = False) -> tuple[Affine, Tensor, Tensor, Tensor]:
    """Return a linear model, images (n, channels, 8, 6), labels, and the exact count of pixels.

    ``alike``: the channels of a pixel all go up or all down.
    """
    weight = torch.randn(channels * 48, generator=torch.Generator().manual_seed(3))
    x = draw(16, channels, 8, 6, seed=4)
    x = x.where(x < 0.7, 1.0).where(x > 0.3, 0.0)
    flat = x.flatten(1)
    model = Affine(weight, 4.0 * channels - (flat @ weight).mean())
    score = flat @ weight + model.bias
    y = (score > 0).long()
    slope = torch.where(y[:, None] == 1, -weight, weight)
    up, down = ((slope * way).view(16, channels, 48) for way in (1 - flat, -flat))
    gain = torch.maximum(up.sum(1), down.sum(1)) if alike else torch.maximum(up, down).sum(1)
    won = gain.sort(1, descending=True).values.cumsum(1)
    return model, x, y, (won <= score.abs()[:, None]).sum(1) + 1


@each_greedy
@pytest.mark.parametrize("unit", ["features", "pixels"])
def test_linear_models_are_fooled_by_the_exact_count(name: str, unit: str) -> None:
    channels = 3 if unit == "pixels" else 1
    model, x, y, exact = deep(channels, alike=name in ("vfga", "jsma"))
    assert exact.max() >= 5, "one or two entries would do: no problem at all"
    found = ATTACKS[name](model, x, y, unit=unit, **GREEDY[name])
    assert (margins(model(found), y) > 0).all()
    moved = places_moved(by_place(found, unit), by_place(x, unit))
    assert torch.equal(moved.long(), exact)


class Tiny(nn.Module):
    """Two layers on eight entries, three classes, of which the first is favoured."""

    def __init__(self) -> None:
        super().__init__()
        g = torch.Generator().manual_seed(2)
        self.register_buffer("first", torch.randn(8, 24, generator=g))
        self.register_buffer("second", torch.randn(24, 3, generator=g))

    def forward(self, x: Tensor) -> Tensor:
        hidden = (2 * x.flatten(1) - 1) @ self.first
        return hidden.relu() @ self.second + torch.tensor([7.0, 0.0, 0.0])


def least_counts(model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    """Return the least number of entries at the walls that fool, by trying all 3^8 points."""
    ways = torch.tensor(list(itertools.product((-1.0, 0.0, 1.0), repeat=8)))
    counts = []
    for image, label in zip(x, y, strict=True):
        points = torch.where(ways < 0, image, ways)
        fooled = margins(model(points), label.expand(len(points))) > 0
        counts.append((points != image).sum(1)[fooled].min())
    return torch.stack(counts)


def test_thinning_and_sigma_zero_find_the_optimum_of_all_points_at_the_walls() -> None:
    model, x = Tiny(), 0.2 + 0.6 * draw(24, 8)
    y = model(x).argmax(1)
    least = least_counts(model, x, y)
    assert (least > 1).sum() >= 16, "a single entry fools: no problem at all"
    for name, share in (("thinning", 1.0), ("sigma_zero", 0.9)):
        found = ATTACKS[name](model, x, y)
        assert (margins(model(found), y) > 0).all()
        # A grey value may do where no wall does: sigma-zero can be better than this optimum.
        assert ((found != x).sum(1) <= least).float().mean() >= share


class Asleep(nn.Module):
    """An entry counts only once it has moved by more than a twentieth from grey."""

    def __init__(self) -> None:
        super().__init__()
        weight = torch.linspace(0.1, 1.0, 40)[torch.randperm(40, generator=torch.Generator())]
        self.register_buffer("weight", weight)

    def forward(self, x: Tensor) -> Tensor:
        awake = ((x.flatten(1) - 0.5).abs() - 0.05).relu()
        return torch.stack([torch.ones(len(x)), awake @ self.weight], 1)


def test_thinning_sees_what_the_gradient_at_the_image_does_not() -> None:
    model, x = Asleep(), torch.full((4, 40), 0.5)
    y = torch.zeros(4, dtype=torch.long)
    exact = int((0.45 * torch.linspace(1.0, 0.1, 40).cumsum(0) <= 1).sum()) + 1
    found = ATTACKS["thinning"](model, x, y, walks=1)
    assert ((found != x).sum(1) == exact).all()
    assert torch.equal(ATTACKS["sigma_zero"](model, x, y, swaps=0), x)


def test_swaps_only_ever_make_the_count_of_sigma_zero_smaller() -> None:
    model, x = cnn(), draw(24, 1, 9, 7)
    y = model(x).argmax(1)
    before, after = (
        (ATTACKS["sigma_zero"](model, x, y, steps=15, swaps=swaps) != x).flatten(1).sum(1)
        for swaps in (0, 8)
    )
    assert (after <= before).all()
    assert (after < before).sum() >= 4


def test_more_steps_of_vfga_and_jsma_move_one_entry_or_two_more() -> None:
    model, x = cnn(), draw(8, 1, 9, 7)
    y = model(x).argmax(1)
    for name, options, each in (
        ("vfga", {"samples": 3}, 1),
        ("jsma", {"pairs": False}, 1),
        ("jsma", {"pairs": True}, 2),
    ):
        for steps in (1, 3):
            found = ATTACKS[name](model, x, y, steps=steps, **options)
            assert (found != x).flatten(1).sum(1).max() <= each * steps


def test_jsma_up_and_down_move_entries_that_way_and_by_theta() -> None:
    model, x = cnn(), 0.3 + 0.4 * draw(16, 1, 9, 7)
    y = model(x).argmax(1)
    for direction, sign in (("up", 1.0), ("down", -1.0)):
        seen: list[Tensor] = []
        spy = model.register_forward_pre_hook(lambda _m, args, s=seen: s.append(args[0].detach()))
        ATTACKS["jsma"](model, x[:1], y[:1], steps=3, theta=0.1, direction=direction)
        spy.remove()
        moved = seen[2] - x[:1]  # what is looked at after the first step and its two gradients
        assert moved.count_nonzero() == 2
        torch.testing.assert_close(moved[moved != 0], torch.full((2,), 0.1 * sign))


def test_the_pairs_of_jsma_are_the_best_of_all_pairs() -> None:
    g = torch.Generator().manual_seed(0)
    shares = []
    for bias in (-1.0, 0.0, 0.5):  # few, some, and many moves that win both
        gain, loss = (torch.randn(200, 2 * 30, generator=g) + bias for _ in range(2))
        both = saliency(gain[:, :, None] + gain[:, None], loss[:, :, None] + loss[:, None])
        place = torch.arange(60) % 30
        both = both.masked_fill(place[:, None] == place, -torch.inf)
        pair = best_pair(gain, loss)
        assert (pair[:, 0] % 30 != pair[:, 1] % 30).all()
        reached = saliency(gain.gather(1, pair).sum(1), loss.gather(1, pair).sum(1))
        shares.append((reached >= both.flatten(1).amax(1) - 1e-6).float().mean())
    assert min(shares) >= 0.93


def test_to_walls_moves_the_places_that_win_the_most() -> None:
    x = torch.tensor([[[0.0, 0.5, 1.0, 0.9], [0.0, 0.5, 1.0, 0.9]]])
    slope = torch.tensor([[[1.0, -1.0, 3.0, 1.0], [-1.0, 1.0, -0.5, 8.0]]])
    wanted = torch.tensor([[[1.0, 0.0, 1.0, 0.9], [0.0, 1.0, 1.0, 0.9]]])
    assert torch.equal(to_walls(slope, x, torch.tensor([2.0])), wanted)


def test_three_others_are_different_and_all_alike() -> None:
    others = torch.stack(_others(uniform(keys(0, None, torch.zeros(500)), (5, 3))), 2)
    assert (torch.stack([*others.unbind(2), torch.arange(5).expand(500, 5)], 2)
            .sort(2).values.diff(dim=2) > 0).all()  # fmt: skip
    assert others.min() == 0
    assert others.max() == 4
    share = torch.stack([(others[:, 0, i] == 4).float().mean() for i in range(3)])
    assert ((share - 0.25).abs() < 0.06).all()


def best_single(model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    """Return the highest margin, (n,), of all places with 21 grey levels."""
    levels = torch.linspace(0, 1, 21).repeat(x[0].numel())
    rows, places = torch.arange(len(levels)), torch.arange(x[0].numel()).repeat_interleave(21)
    tops = []
    for image, label in zip(x, y, strict=True):
        points = image.flatten().repeat(len(levels), 1)
        points[rows, places] = levels
        tops.append(margins(model(points.view(-1, *x.shape[1:])), label.expand(len(rows))).amax())
    return torch.stack(tops)


def test_one_pixel_finds_the_best_of_all_pixels_and_colours() -> None:
    model, x = cnn(), draw(8, 1, 9, 7, seed=3)
    y = model(x).argmax(1)
    sure = nn.Sequential(model, Favour(y[:1]))
    same = y[:1].expand(8)
    found = ATTACKS["one_pixel"](sure, x, same, eps=1, steps=60)
    assert (found != x).flatten(1).sum(1).max() == 1
    reached, best = margins(sure(found), same), best_single(sure, x, same)
    assert (reached >= best - 0.02 * (best - margins(sure(x), same))).float().mean() >= 0.75
    assert (reached <= best + 0.01).all(), "better than the best: the oracle is wrong"


class Favour(nn.Module):
    """Raise one logit so much that nothing fools, and the search goes on."""

    def __init__(self, label: Tensor) -> None:
        super().__init__()
        self.label = int(label)

    def forward(self, logits: Tensor) -> Tensor:
        return logits + 50.0 * nn.functional.one_hot(torch.tensor(self.label), logits.shape[1])


def test_one_pixel_breeds_as_well_as_scipy() -> None:
    model, x = cnn(), draw(10, 1, 9, 7, seed=3)
    y = model(x[:1]).argmax(1).expand(10)
    sure, scores = nn.Sequential(model, Favour(y[:1])), []
    for image in x:

        def loss(genes: np.ndarray, image: Tensor = image) -> np.ndarray:
            points = image.repeat(genes.shape[1], 1, 1, 1)
            row, column = np.minimum(genes[:2] * [[9], [7]], [[8], [6]]).astype(int)
            points[range(len(points)), 0, row, column] = torch.tensor(genes[2]).float()
            return -margins(sure(points), y[:1].expand(len(points))).numpy()

        best = differential_evolution(
            loss, [(0, 1)] * 3, strategy="rand1bin", recombination=1, mutation=0.5, maxiter=10,
            popsize=10, tol=0, atol=-1, polish=False, init="random", vectorized=True,
            updating="deferred", seed=0,
        )  # fmt: skip
        scores.append(-best.fun)
    ours = ATTACKS["one_pixel"](sure, x, y, eps=1, population=30, steps=10)
    assert margins(sure(ours), y).mean() >= np.mean(scores) - 0.1


@pytest.mark.parametrize("unit", ["features", "pixels"])
def test_one_pixel_changes_so_many_pixels_and_asks_nothing_where_eps_forbids_them(
    unit: str,
) -> None:
    model, x = cnn(channels=3), draw(6, 3, 9, 7)
    y = model(x[:1]).argmax(1).expand(6)
    sure, need = nn.Sequential(model, Favour(y[:1])), 2 * (3 if unit == "pixels" else 1)
    options = {"pixels": 2, "population": 20, "steps": 2, "unit": unit}
    found = ATTACKS["one_pixel"](sure, x, y, eps=need, **options)
    moved = places_moved(by_place(found, unit), by_place(x, unit))
    assert moved.max() == 2
    asked: list[int] = []
    spy = model.register_forward_pre_hook(lambda _m, args: asked.append(len(args[0])))
    assert torch.equal(ATTACKS["one_pixel"](sure, x, y, eps=need - 1, **options), x)
    spy.remove()
    assert not asked
