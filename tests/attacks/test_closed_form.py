"""Attacks on two-class linear models, whose exact radius is known."""

import pytest
import torch

from advkit.attacks import ATTACKS, norms_of
from advkit.engine.objectives import margins
from tests.attacks.problems import affine, boxed_radius, exact_radius, near_boundary

GRADIENT = {
    "fgsm": {},
    "bim": {},
    "pgd": {},
    "mifgsm": {},
    "pgd momentum": {"decay": 0.9},
    "pgd margin": {"loss": "margin"},
    "coarse_pgd": {},
    "apgd": {},
    "apgd dlr": {"loss": "dlr"},
    "apgd margin": {"loss": "margin"},
    "apgd_targeted": {},
    "md": {},
    "pma": {},
}


def flips(name, model, x, y, eps, norm):
    attack = ATTACKS[name.split()[0]]
    found = attack(model, x, y, eps=eps, norm=norm, **GRADIENT.get(name, {}))
    return int((margins(model(found), y) > 0).sum())


CASES = [(name, norm) for name in GRADIENT for norm in norms_of(ATTACKS[name.split()[0]])]
each = pytest.mark.parametrize(("name", "norm"), CASES)


@each
@pytest.mark.parametrize("ill", [False, True], ids=["plain", "ill-conditioned"])
def test_none_at_098_and_all_at_102_of_the_radius(name: str, ill: bool, norm: str) -> None:
    model = affine(40, ill=ill)
    x = near_boundary(model, 32, 0.05 if norm == "Linf" else 0.1, norm)
    y, radius = model(x).argmax(1), exact_radius(model, x, norm)
    assert (radius < (0.3 if norm == "Linf" else 0.4)).all(), "the box would be in the way"
    assert flips(name, model, x, y, 0.98 * radius, norm) == 0
    assert flips(name, model, x, y, 1.02 * radius, norm) == len(x)


@each
def test_with_the_box_in_the_way(name: str, norm: str) -> None:
    model = affine(30, seed=2)
    x = torch.rand(24, 30, generator=torch.Generator().manual_seed(5))
    x = x.where(x < 0.7, 1.0).where(x > 0.3, 0.0)  # many coordinates can move one way only
    y = model(x).argmax(1)
    radius = boxed_radius(model, x, y, norm)
    free = exact_radius(model, x, norm)
    assert (radius > 1.02 * free).sum() >= 6, "the box is in nobody's way"
    assert flips(name, model, x, y, 0.98 * radius, norm) == 0
    assert flips(name, model, x, y, 1.02 * radius, norm) == len(x)


def test_fgsm_is_exact_in_l1_and_lowers_the_score_by_eps_times_the_dual_norm() -> None:
    model = affine(30, seed=2)
    x = torch.rand(24, 30, generator=torch.Generator().manual_seed(5))
    y = model(x).argmax(1)
    radius = boxed_radius(model, x, y, "L1")
    assert flips("fgsm", model, x, y, 0.999 * radius, "L1") == 0
    assert flips("fgsm", model, x, y, 1.001 * radius, "L1") == len(x)
    grey = torch.full((1, 30), 0.5)
    label = model(grey).argmax(1)
    moved = ATTACKS["fgsm"](model, grey, label, eps=0.1, norm="Linf")
    before, after = margins(model(grey), label), margins(model(moved), label)
    assert (after - before).item() == pytest.approx(0.1 * model.weight.abs().sum().item(), rel=1e-5)


@pytest.mark.parametrize("norm", ["L1", "Linf", "L2"])
def test_square_never_beats_the_exact_radius_and_breaks_at_twice_it(norm: str) -> None:
    model = affine(64)
    x = near_boundary(model, 16, 0.03 if norm == "Linf" else 0.1, norm).reshape(16, 1, 8, 8)
    y, radius = model(x).argmax(1), exact_radius(model, x, norm)
    assert flips("square", model, x, y, 0.98 * radius, norm) == 0
    factor = {"Linf": 1.1, "L2": 1.6, "L1": 6.0}[norm]
    assert flips("square", model, x, y, factor * radius, norm) == len(x)
