"""`linear` and all other attacks compared with the exact distance of softmax regression."""

import numpy as np
import pytest
import torch
from torch import nn

from advkit.attacks import ATTACKS, attack_card, norms_of
from advkit.attacks.linear_closed_form import linear
from advkit.attacks.linear_distances import exact_nearest, worst_margin
from advkit.engine import NORMS
from advkit.engine.objectives import margins
from advkit.errors import InputError
from advkit.evaluate.measure import measure, slack
from advkit.models import Classifier
from advkit.models.affine import affine_of
from tests.attacks.subjects import SUBJECTS

EPS = {"Linf": 0.05, "L2": 0.25, "L1": 0.9, "L0": 3.0}
each_norm = pytest.mark.parametrize("norm", ["Linf", "L2", "L1", "L0"])


def softmax_regression(classes=4, side=5, n=16):
    """Return a classifier, its images (many pixels at the walls) and what it reads in them."""
    g = torch.Generator().manual_seed(1)
    net = nn.Sequential(nn.Flatten(), nn.Linear(side * side, classes))
    net[1].weight.data = torch.randn(classes, side * side, generator=g)
    net[1].bias.data = torch.randn(classes, generator=g) / 4 - net[1].weight.sum(1) / 2
    x = torch.rand(n, 1, side, side, generator=g)
    x = x.where(x < 0.8, 1.0).where(x > 0.2, 0.0)
    model = Classifier(net, name="softmax", mean=[0.3], std=[0.5])
    return model, x, model(x).argmax(1)


def folded(model):
    """Return weight and bias with the normalisation in them, float64."""
    weight = model.net[1].weight.double() / model.std.double()
    return weight, model.net[1].bias.double() - weight.sum(1) * model.mean.double()


@each_norm
@pytest.mark.parametrize("aimed", [False, True], ids=["untargeted", "targeted"])
def test_comes_as_near_as_there_is(norm: str, aimed: bool) -> None:
    model, x, y = softmax_regression()
    targets = (y + 1) % 4 if aimed else None
    exact = exact_nearest(*folded(model), x, y, norm, targets=targets).distance.numpy()
    rounding = 4 * slack(norm, x)
    found = linear(model, x, y, norm=norm, targets=targets)
    judged = measure(model, x, y, found, norm=norm, eps=np.inf, targets=targets)
    assert judged["fooled"].all()
    assert (judged["valid"]).all()
    assert (judged[norm] >= exact * (1 - 1e-6) - rounding).all()
    assert (judged[norm] <= exact * (1 + 1e-4) + rounding).all()
    enough = torch.tensor(exact * (1 + 2e-4) + 2 * rounding).float()
    within = linear(model, x, y, eps=enough, norm=norm, targets=targets)
    assert (margins(model(within), y, targets) > 0).all()
    short = torch.tensor(exact * (1 - 1e-4) - rounding).float()
    assert torch.equal(linear(model, x, y, eps=short, norm=norm, targets=targets), x)


def test_the_weights_of_a_model_are_read_off_whatever_it_is_made_of() -> None:
    model, x, _ = softmax_regression()
    for found, wanted in zip(affine_of(model, x), folded(model), strict=True):
        torch.testing.assert_close(found, wanted, rtol=1e-12, atol=1e-12)
    deeper = Classifier(
        nn.Sequential(nn.Conv2d(3, 4, 3), nn.AvgPool2d(2), nn.Flatten(), nn.Linear(16, 5)),
        name="no kinks", mean=[0.1, 0.2, 0.3], std=[1.0, 2.0, 3.0],
    )  # fmt: skip
    images = torch.rand(6, 3, 6, 7, generator=torch.Generator().manual_seed(0))
    found = affine_of(deeper, images)
    assert found.weight.shape == (5, 3 * 6 * 7)
    torch.testing.assert_close(found.logits(images).float(), deeper(images), rtol=1e-4, atol=1e-5)
    bent = Classifier(nn.Sequential(nn.Flatten(), nn.Linear(126, 3), nn.ReLU()), name="bent")
    with pytest.raises(InputError, match="bent is not linear"):
        affine_of(bent, images)


CASES = [(name, norm) for name in ATTACKS for norm in norms_of(ATTACKS[name])]


@pytest.mark.parametrize(("name", "norm"), CASES)
def test_no_attack_beats_the_exact_distance(name: str, norm: str) -> None:
    model, x, y = softmax_regression()
    weight, bias = folded(model)
    exact = exact_nearest(weight, bias, x, y, norm).distance.numpy()
    asked = [None] if attack_card(name, ATTACKS[name]).minimum_norm else []
    for eps in [*asked, EPS[norm] / 2, 1.5 * EPS[norm]]:
        found = ATTACKS[name](model, x, y, eps=eps, norm=norm, **SUBJECTS[name].options)
        judged = measure(model, x, y, found, norm=norm, eps=np.inf if eps is None else eps)
        counts = judged["fooled"] & judged["valid"]
        assert (judged[norm][counts] >= exact[counts] * (1 - 1e-5) - slack(norm, x)).all()
        if eps is not None:
            standing = exact > eps * (1 + 1e-5) + slack(norm, x)
            assert standing.sum() <= (~counts).sum(), "exact robust accuracy is above an attack's"
            certified = worst_margin(weight, bias, x, y, eps, norm).numpy() < -1e-5
            assert not (certified & counts).any()


def test_on_a_net_that_bends_it_goes_on_in_the_same_direction() -> None:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Flatten(), nn.Linear(25, 40), nn.Tanh(), nn.Linear(40, 3))
    model = Classifier(net, name="bent")
    x = torch.rand(40, 1, 5, 5)
    y = model(x).argmax(1)
    found = linear(model, x, y, norm="L2")
    fooled = margins(model(found), y) > 0
    assert fooled.float().mean() > 0.6
    assert torch.equal(found[~fooled], x[~fooled])
    once = linear(model, x, y, norm="L2", tries=1)
    assert (margins(model(once), y) > 0).sum() < fooled.sum()
    size = NORMS["L2"].size(found - x)
    assert torch.equal(linear(model, x, y, norm="L2", eps=0.0), x)
    assert (size[fooled] > 0).all()
