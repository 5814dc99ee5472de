"""The ten numbers to 1e-12, and the change of the score by dimension."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from advkit.attacks import ATTACKS
from advkit.benchmarks.linear_numbers import (
    DIMENSIONS,
    EPS,
    W,
    X,
    dimension,
    ten_flips,
    ten_numbers,
    ten_scores,
)
from advkit.engine.objectives import margins

TIGHT = {"rel": 0, "abs": 1e-12}


def test_the_ten_numbers_to_a_millionth_of_a_millionth() -> None:
    numbers = ten_numbers()
    scores = ten_scores(numbers).set_index("eps")
    assert scores.loc[0.0, "score"] == pytest.approx(-3, **TIGHT)
    assert scores.loc[0.0, "probability"] == pytest.approx(1 / (1 + math.e**3), **TIGHT)
    assert scores.loc[0.0, "probability"] == pytest.approx(0.0474, abs=5e-5)
    assert scores.loc[0.5, "score"] == pytest.approx(2, **TIGHT)
    assert scores.loc[0.5, "probability"] == pytest.approx(1 / (1 + math.e**-2), **TIGHT)
    assert scores.loc[0.5, "probability"] == pytest.approx(0.8808, abs=5e-5)
    assert scores.loc[0.3, "score"] == pytest.approx(0, **TIGHT)
    moved = numbers.loc[numbers["eps"] == 0.5, "moved"].tolist()
    assert moved == [1.5, -1.5, 3.5, -2.5, 2.5, 1.5, 1.5, -3.5, 4.5, 1.5]
    assert len(numbers) == 10 * len(EPS)


def test_the_flips_in_every_norm() -> None:
    found = ten_flips().set_index("norm")["distance"]
    assert found["Linf"] == pytest.approx(0.3, **TIGHT)
    assert found["L2"] == pytest.approx(3 / math.sqrt(10), **TIGHT)
    assert found["L1"] == pytest.approx(3, **TIGHT)
    assert found["L0"] == 1


def test_fgsm_flips_above_03_and_never_below() -> None:
    """In the box: with z = (x + 5) / 10 all of it is ten times smaller."""
    net = nn.Linear(10, 2).double()
    net.weight.data = torch.tensor([[0.0] * 10, W], dtype=torch.float64) * 10
    net.bias.data = torch.tensor([0.0, -5 * sum(W)], dtype=torch.float64)
    z = (torch.tensor([X], dtype=torch.float64) + 5) / 10
    label = torch.tensor([0])
    assert net(z).diff().item() == pytest.approx(-3)
    for attack in ("fgsm", "linear"):
        for eps, flips in ((0.0299999, False), (0.0300001, True), (0.05, True)):
            moved = ATTACKS[attack](net, z, label, eps=eps, norm="Linf")
            assert bool(margins(net(moved), label) > 0) is flips, (attack, eps)


def test_the_shift_grows_as_the_dimension_and_noise_as_its_root() -> None:
    frame = dimension(images=8)
    assert frame["inputs"].tolist() == list(DIMENSIONS)
    assert DIMENSIONS[0] == 10
    assert DIMENSIONS[-1] == 224 * 224 * 3
    np.testing.assert_allclose(frame["predicted"], frame["inputs"] * 2 / 255, rtol=1e-12)
    np.testing.assert_allclose(frame["measured"], frame["predicted"], rtol=1e-5)
    np.testing.assert_allclose(frame["low"], frame["high"], rtol=1e-4)
    ratio = frame["noise"] / (2 / 255 * np.sqrt(frame["inputs"]))
    assert ratio.between(0.4, 1.8).all()
    assert (frame["measured"] > frame["noise"]).all()
    assert dimension(images=8).equals(frame)
