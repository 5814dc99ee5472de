"""Faithfulness, similarity and randomisation against closed forms (insight, 3.24 to 3.26)."""

from itertools import permutations, product

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr
from torch import nn

from advkit.attacks import ddn
from advkit.data.specs import load_data
from advkit.engine.objectives import class_score
from advkit.insight import Look, saliency
from advkit.insight.faithfulness import (
    area,
    deletion,
    insertion,
    order_of,
    pointing_game,
    random_orders,
)
from advkit.insight.method_input import root_of
from advkit.insight.randomisation import cascade, randomised, weights_in_order
from advkit.insight.sensitivity import infidelity, max_sensitivity
from advkit.insight.similarity import (
    change_within,
    concentration,
    edges,
    spearman,
    structural_similarity,
    top_overlap,
)
from advkit.models.classifier import Classifier
from advkit.models.nets import build
from advkit.models.specs import load_model
from tests.insight.nets import noise, seeded


def linear(pixels: int = 6) -> tuple[Look, torch.Tensor]:
    """Return a look at a linear score of images of one row, and each pixel's contribution."""
    net = seeded(lambda: nn.Sequential(nn.Flatten(), nn.Linear(pixels, 2, bias=False)))
    x = noise(2, 1, 1, pixels)
    look = Look(net, x, class_score(net, torch.zeros(2, dtype=torch.int64)))
    return look, (net[1].weight[0] * x[:, 0, 0]).detach()


def test_the_curve_of_a_linear_score() -> None:
    look, parts = linear()
    order = order_of(parts[:, None])
    curve = deletion(look, order, torch.zeros_like(look.x), steps=6)
    falling = parts.sort(1, descending=True).values
    known = parts.sum(1, keepdim=True) - torch.cat([torch.zeros(2, 1), falling.cumsum(1)], 1)
    assert torch.allclose(curve, known, atol=1e-6)
    closed = parts.sum(1) - (falling * (torch.arange(6, 0, -1) - 0.5)).sum(1) / 6
    assert torch.allclose(area(curve), closed, atol=1e-6)
    shown = insertion(look, order, torch.zeros_like(look.x), steps=6)
    assert torch.allclose(shown + curve, parts.sum(1, keepdim=True).expand(-1, 7), atol=1e-6)


def test_contributions_are_the_best_of_all_orders() -> None:
    look, parts = linear(4)
    every = torch.tensor(list(permutations(range(4))))
    heights = torch.stack([
        area(deletion(look, order.expand(2, -1), torch.zeros_like(look.x), steps=4))
        for order in every
    ])  # fmt: skip
    best = area(deletion(look, order_of(parts[:, None]), torch.zeros_like(look.x), steps=4))
    assert torch.allclose(best, heights.amin(0), atol=1e-6)


def test_ties_go_by_place_and_steps_by_shares() -> None:
    assert order_of(torch.ones(1, 2, 3)).tolist() == [[0, 1, 2, 3, 4, 5]]
    look, parts = linear()
    curve = deletion(look, order_of(parts[:, None]), torch.zeros_like(look.x), steps=4)
    assert curve.shape == (2, 5)  # 0, 2 (1.5), 3, 4 (4.5), 6 pixels
    fine = deletion(look, order_of(parts[:, None]), torch.zeros_like(look.x), steps=6)
    assert torch.allclose(curve, fine[:, [0, 2, 3, 4, 6]], atol=1e-6)


def test_random_orders_are_the_samples_own() -> None:
    look, _ = linear()
    named = look._replace(ids=["a", "b"])
    swapped = look._replace(ids=["b", "a"])
    one, other = random_orders(named, 3), random_orders(swapped, 3)
    assert torch.equal(one, other.flip(1))
    assert (one.sort(2).values == torch.arange(6)).all()
    assert not torch.equal(one[0], one[1])


def test_the_pointing_game_skips_what_is_empty() -> None:
    truth = np.zeros((60, 60), dtype=bool)
    point = np.zeros((60, 60))
    point[30, 30] = 1
    assert pointing_game(point, truth) is None
    truth[30, 45] = True
    assert pointing_game(point, truth) is True  # 15 pixels away
    assert pointing_game(point, truth, tolerance=14) is False
    truth[30, 30] = True
    assert pointing_game(point, truth, tolerance=0) is True


def test_infidelity_of_a_linear_score_is_nothing_for_its_gradient() -> None:
    look, _ = linear()
    weights = look.model[1].weight[0].detach().expand(2, -1).reshape(look.x.shape)
    missed, base = infidelity(look, 3 * weights)  # any scale
    assert (missed < 1e-10 * base).all()
    wrong, _ = infidelity(look, weights.flip(3))
    assert (wrong > 0.05 * base).all()


def test_max_sensitivity_of_a_constant_map_is_nothing() -> None:
    look, _ = linear()
    found = max_sensitivity(look, lambda look: torch.ones_like(look.x), draws=3)
    assert found.tolist() == [0, 0]
    moved = max_sensitivity(look, lambda look: look.x, draws=20, radius=0.1)
    most = 0.1 * 6**0.5 / look.x.flatten(1).norm(dim=1)
    assert ((moved > 0.4 * most) & (moved <= most)).all()
    assert max_sensitivity(look, lambda look: 0 * look.x, draws=2).isnan().all()


def test_likeness_of_maps() -> None:
    random = np.random.default_rng(0)
    a, b = random.random((12, 9)), random.random((12, 9)).round(1)
    assert spearman(a, b) == pytest.approx(spearmanr(a.ravel(), b.ravel()).statistic)
    assert spearman(a, a**3) == pytest.approx(1)
    assert np.isnan(spearman(a, np.ones_like(a)))
    assert structural_similarity(a, 5 * a) == pytest.approx(1)
    assert structural_similarity(a, random.random((12, 9))) < 0.6
    assert top_overlap(a, a, 0.2) == 1
    assert top_overlap(a, -a, 0.2) == 0
    assert concentration(np.ones((5, 5))) == pytest.approx(0, abs=1e-9)
    one = np.zeros(100)
    one[3] = 7.0
    assert concentration(one) == pytest.approx(0.99)
    assert np.isnan(concentration(0 * one))
    delta = np.zeros((10, 10))
    delta[0] = 1
    assert change_within(delta, delta, 0.1) == pytest.approx(10)
    assert change_within(delta, -delta, 0.1) == pytest.approx(0)
    assert change_within(np.ones((10, 10)), delta, 0.1) == pytest.approx(1)


def test_ssim_window_by_window() -> None:
    a, b = np.random.default_rng(1).random((2, 9, 11))
    a, b = a / a.max(), b / b.max()
    span = max(a.max(), b.max()) - min(a.min(), b.min())
    c1, c2 = (0.01 * span) ** 2, (0.03 * span) ** 2
    values = []
    for y, x in product(range(3), range(5)):
        one, other = (each[y : y + 7, x : x + 7].ravel() for each in (a, b))
        (va, both), (_, vb) = np.cov(one, other)
        ma, mb = one.mean(), other.mean()
        above = (2 * ma * mb + c1) * (2 * both + c2)
        values.append(above / ((ma**2 + mb**2 + c1) * (va + vb + c2)))
    assert structural_similarity(a, b) == pytest.approx(np.mean(values), rel=1e-9)


def test_every_weight_is_drawn_anew_with_a_seed_of_its_own() -> None:
    net = Classifier(seeded(lambda: build("vit", shape=(1, 14, 14), n_classes=4)), name="vit")
    x = noise(2, 1, 14, 14)
    names = weights_in_order(net, x)
    weights = dict(root_of(net).named_parameters())
    assert sorted(names) == sorted(weights)  # bare ones (positions) among them
    assert names[0].startswith("head.1")
    assert names[-1] == "position"
    fresh = dict(root_of(randomised(net, names)).named_parameters())
    for name, weight in weights.items():
        assert torch.equal(weight, fresh[name]) is bool(weight.std(correction=0) == 0), name
    a, b = fresh["blocks.0.attend.1.qkv.weight"], fresh["blocks.1.attend.1.qkv.weight"]
    ranks = [each.flatten().argsort() for each in (a, b)]
    assert not torch.equal(*ranks)
    again = dict(root_of(randomised(net, names)).named_parameters())
    assert all(torch.equal(fresh[name], again[name]) for name in names)


def test_the_cascade_begins_with_the_net_and_ends_with_none_of_it() -> None:
    net = load_model("bundled:fashion-mnist-cnn")
    x = noise(2, 1, 28, 28)
    stages = list(cascade(net, x, stages=4))
    assert [share for share, _ in stages] == [0, 0.25, 0.5, 0.75, 1]
    assert torch.equal(stages[0][1](x), net(x))
    first = [dict(root_of(other).named_parameters())["0.weight"] for _, other in stages]
    assert [torch.equal(weight, first[0]) for weight in first] == [True] * 4 + [False]


def test_a_robust_net_looks_sharper_and_at_what_the_nearest_example_changes() -> None:
    """The table of docs/explain.md, on a fifth of its images."""
    images = load_data("bundled:fashion-mnist", limit=40)
    seen = []
    for name in ("fashion-mnist-cnn", "fashion-mnist-cnn-robust"):
        model = load_model(f"bundled:{name}")
        maps = saliency(model, images.x, "label", y=images.y).double().numpy()
        nearest = ddn(model, images.x, images.y, eps=None, norm="L2", steps=20)
        changes = (nearest - images.x).abs().sum(1).double().numpy()
        within = [change_within(*pair) for pair in zip(changes, maps, strict=True)]
        seen.append((np.mean([concentration(one) for one in maps]), np.nanmean(within)))
    (plain, plain_within), (robust, robust_within) = seen
    assert robust > 1.4 * plain
    assert robust_within > 1.4 * plain_within > 2


def test_gradients_forget_and_an_edge_detector_does_not() -> None:
    net = load_model("bundled:fashion-mnist-cnn")
    x = load_data("bundled:fashion-mnist", limit=12).x
    other = randomised(net, weights_in_order(net, x))

    def likeness(method: str, reduce: str) -> float:
        maps = [saliency(each, x, torch.zeros(12, dtype=torch.int64), method=method, reduce=reduce)
                .double().numpy() for each in (net, other)]  # fmt: skip
        return float(np.mean([abs(spearman(*pair)) for pair in zip(*maps, strict=True)]))

    assert likeness("gradient", "signed") < 0.1
    assert likeness("gradient_times_input", "max") > 0.5  # what |input| alone makes alike
    image = x[0].permute(1, 2, 0).double().numpy()
    assert spearman(edges(image), edges(image)) == pytest.approx(1)
