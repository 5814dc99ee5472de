"""Smoothing of a two-class linear model, which has a closed form."""

import pytest
import torch
from scipy.stats import binom, norm
from torch import nn

from advkit.bounds.smoothing import least_share, smoothed
from advkit.models.classifier import Classifier


def test_the_lower_bound_of_a_share_is_exact() -> None:
    """At the bound, so many hits or more have exactly the probability that is allowed."""
    for hits, draws, doubt in ((90, 100, 0.001), (3, 10, 0.05), (1000, 1000, 0.01)):
        low = least_share(hits, draws, doubt)
        assert binom.sf(hits - 1, draws, low) == pytest.approx(doubt)
    assert least_share(0, 10, 0.05) == 0


def test_a_linear_model_is_certified_up_to_its_boundary_and_no_further() -> None:
    """The smoothed classifier is the model itself, its radius the distance to the boundary."""
    torch.manual_seed(0)
    net = nn.Sequential(nn.Flatten(), nn.Linear(16, 2))
    model, x = Classifier(net, name="linear"), torch.rand(12, 1, 4, 4)
    w = net[1].weight[0] - net[1].weight[1]
    distance = ((model(x)[:, 0] - model(x)[:, 1]) / w.norm()).abs()
    sigma, draws = 0.25, 2000
    given = {"sigma": sigma, "draws": draws, "doubt": 0.001}
    found = smoothed(model, x, 2, ids=[str(i) for i in range(12)], **given)
    assert found.read_as.equal(model(x).argmax(1))
    assert (found.radius <= distance).all()
    most = sigma * norm.ppf(0.001 ** (1 / draws))  # all draws alike: no radius can be larger
    assert (found.radius >= 0.8 * distance.clamp_max(most) - 0.05).all()
    again = smoothed(model, x[3:5], 2, ids=["3", "4"], **given)
    assert again.radius.equal(found.radius[3:5])
