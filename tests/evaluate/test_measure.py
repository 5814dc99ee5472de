import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from advkit.attacks.bisection import line_search
from advkit.errors import UsageError
from advkit.evaluate.intervals import curve, robust_at, wilson
from advkit.evaluate.measure import measure
from tests.attacks.problems import affine, exact_radius, near_boundary


def test_every_number_is_recomputed_from_the_example() -> None:
    x = torch.tensor([[0.5, 0.5, 0.5]])
    x_adv = torch.tensor([[0.5, 0.6, 0.2]])
    weight = torch.tensor([[2.0, 0.0, 0.0], [0.0, 4.0, 0.0]])

    def model(z: torch.Tensor) -> torch.Tensor:
        return z @ weight.T

    (row,) = measure(model, x, torch.tensor([0]), x_adv, norm="L2", eps=0.32).to_dict("records")
    d = np.array([0.0, 0.1, -0.3])
    assert row["L0"] == 2
    assert row["L1"] == pytest.approx(np.abs(d).sum(), rel=1e-6)
    assert row["L2"] == pytest.approx(np.linalg.norm(d), rel=1e-6)
    assert row["Linf"] == pytest.approx(0.3, rel=1e-6)
    assert row["margin"] == pytest.approx(2.4 - 1.0)
    assert row["prediction"] == 1
    assert row["confidence"] == pytest.approx(1 / (1 + math.exp(-1.4)))
    assert row["fooled"]
    assert row["valid"]


@pytest.mark.parametrize(
    ("example", "norm", "eps", "valid"),
    [
        ([0.6, 0.5], "Linf", 0.1, True),
        ([0.60001, 0.5], "Linf", 0.1, False),
        ([1.0000001, 0.5], "Linf", 0.9, False),
        ([-0.0001, 0.5], "Linf", 0.9, False),
        ([0.6, 0.6], "L2", 0.1 * math.sqrt(2), True),
        ([0.6, 0.6], "L1", 0.19, False),
        ([0.6, 0.5], "L0", 1, True),
        ([0.6, 0.6], "L0", 1, False),
        ([math.nan, 0.5], "Linf", 0.5, False),
        ([math.inf, 0.5], "Linf", 0.5, False),
    ],
)
def test_an_example_outside_ball_or_box_is_not_valid(
    example: list[float], norm: str, eps: float, valid: bool
) -> None:
    x, x_adv = torch.tensor([[0.5, 0.5]]), torch.tensor([example])
    rows = measure(nn.Identity(), x, torch.tensor([0]), x_adv, norm=norm, eps=eps)
    assert bool(rows["valid"][0]) is valid


def test_a_tie_or_nan_does_not_fool() -> None:
    x = torch.tensor([[0.5, 0.5], [0.5, 0.5]])
    tie = measure(nn.Identity(), x, torch.tensor([0, 1]), x, norm="Linf", eps=0.1)
    assert not tie["fooled"].any()
    assert not tie["right"].any()
    nan = measure(lambda z: z * torch.nan, x, torch.tensor([0, 1]), x, norm="Linf", eps=0.1)
    assert not nan["fooled"].any()
    assert not nan["right"].any()
    infinite = torch.tensor([[0.0, torch.inf, 1.0]])
    rows = measure(lambda _: infinite, x[:1], torch.tensor([0]), x[:1], norm="Linf", eps=0.1)
    assert not rows["fooled"].any()
    assert rows["margin"].isna().all()


def test_wilson_interval_is_the_published_one() -> None:
    share = wilson(81, 263)  # Newcombe 1998, table I
    assert (round(share["low"], 4), round(share["high"], 4)) == (0.2553, 0.3662)
    share = wilson(15, 148)
    assert (round(share["low"], 4), round(share["high"], 4)) == (0.0624, 0.1605)
    none, every = wilson(0, 20), wilson(20, 20)
    assert (none["low"], round(none["high"], 4)) == (0.0, 0.1611)
    assert (round(every["low"], 4), every["high"]) == (0.8389, 1.0)
    assert wilson(0, 0) == {"value": 0.0, "low": 0.0, "high": 1.0, "count": 0, "n": 0}


def test_the_curve_is_the_share_standing_at_every_eps() -> None:
    sizes = [0.1, 0.1, 0.25, 0.3, math.inf]
    steps = curve(sizes, [0.2, 0.3], 8)
    assert [(eps, share["count"]) for eps, share in steps] == [
        (0.0, 5), (0.1, 3), (0.2, 3), (0.25, 2), (0.3, 1),
    ]  # fmt: skip
    assert robust_at(sizes, 0.0999, 8)["count"] == 5
    many = curve(np.linspace(0.001, 1, 5000), [0.51234, 1.0], 6000, most=100)
    assert 0.51234 in dict(many)
    assert len(many) <= 104
    assert all(share == robust_at(np.linspace(0.001, 1, 5000), eps, 6000) for eps, share in many)


def test_line_search_ends_on_the_boundary_of_a_linear_model() -> None:
    model = affine(20)
    x = near_boundary(model, 16, 0.05, "Linf")
    y, radius = model(x).argmax(1), exact_radius(model, x, "Linf")
    far = x + 3 * radius[:, None] * torch.where(y[:, None] == 1, -1.0, 1.0) * model.weight.sign()
    found = line_search(model, x, y, far, steps=12)
    size = (found - x).abs().amax(1)
    assert (size >= radius).all()
    assert (size <= radius * 1.001 + 1e-6).all()


def test_with_targets_only_reaching_them_counts() -> None:
    logits = torch.tensor([[0.0, 1.0, 2.0], [0.0, 1.0, 2.0], [2.0, 1.0, 0.0], [0.0, 2.0, 2.0]])
    x, y, targets = torch.zeros(4, 1), torch.zeros(4).long(), torch.tensor([2, 1, 1, 2])
    rows = measure(lambda _z: logits, x, y, x, norm="L2", eps=0.1, targets=targets)
    assert rows["fooled"].tolist() == [True, False, False, False]
    assert rows["right"].tolist() == [False, False, True, False]
    assert rows["margin"].tolist() == [2.0, 2.0, -1.0, 2.0]


@pytest.mark.parametrize(
    ("other", "told"),
    [
        ({"model": "bundled:digits-cnn"}, "the model is a str"),
        ({"x_adv": np.zeros((4, 3))}, "x_adv is a ndarray"),
        ({"x_adv": torch.zeros(1, 3)}, r"x has the shape \(4, 3\) and x_adv \(1, 3\)"),
        ({"y": torch.zeros(3, dtype=torch.int64)}, "4 samples and y has 3"),
        ({"y": torch.zeros(4)}, "y holds torch.float32"),
        ({"y": torch.full((4,), 3)}, "y holds 3, but the model has 3 classes"),
        ({"targets": 2}, "targets is a int"),
        ({"eps": "8/255"}, "eps='8/255' is not a radius"),
        ({"eps": -1.0}, "is not a radius"),
    ],
)
def test_what_cannot_be_measured_is_told(other: dict[str, Any], told: str) -> None:
    x, y = torch.zeros(4, 3), torch.zeros(4, dtype=torch.int32)
    words: dict[str, Any] = {"model": nn.Identity(), "x": x, "y": y, "x_adv": x, "eps": 0.1}
    assert len(measure(**words, norm="Linf")) == 4
    with pytest.raises(UsageError, match=told):
        measure(**words | other, norm="Linf")
