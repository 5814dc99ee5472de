"""Decision-based attacks on models whose nearest boundary is known."""

import pytest
import torch
from torch import Tensor

from advkit.attacks import ATTACKS
from advkit.engine import NORMS
from advkit.engine.objectives import margins
from tests.attacks.problems import affine, boxed_radius, cnn, near_boundary

WALKS = [
    ("hopskipjump", "L2", 1.2),
    ("hopskipjump", "Linf", 1.5),
    ("geoda", "L2", 1.05),
    ("geoda", "Linf", 1.5),
    ("boundary", "L2", 2.0),
]


@pytest.mark.parametrize(("name", "norm", "within"), WALKS)
def test_more_questions_bring_it_nearer_and_never_nearer_than_possible(
    name: str, norm: str, within: float
) -> None:
    model = affine(40)
    x = near_boundary(model, 6, 0.05 if norm == "Linf" else 0.1, norm)
    y = model(x).argmax(1)
    exact = boxed_radius(model, x, y, norm)
    ratios = []
    for queries in (200, 2000):
        found = ATTACKS[name](lambda z: model(z).argmax(1), x, y, norm=norm, queries=queries)
        assert (margins(model(found), y) > -1e-6).all(), "by more than rounding"
        ratio = NORMS[norm].size(found.double() - x.double()) / exact
        assert (ratio >= 1 - 1e-4).all()
        ratios.append(ratio.mean())
    assert ratios[1] < ratios[0]
    assert ratios[1] <= within


def fools(x: Tensor, y: Tensor) -> Tensor:
    return margins(cnn()(x), y) > 0


def test_what_pointwise_leaves_cannot_go_back_alone() -> None:
    x = torch.rand(4, 1, 9, 7, generator=torch.Generator().manual_seed(1))
    y = cnn()(x).argmax(1)
    found = ATTACKS["pointwise"](cnn(), x, y, queries=2000)
    assert fools(found, y).all()
    for image, point, label in zip(x, found, y, strict=True):
        moved = (point != image).flatten().nonzero().squeeze(1)
        assert 0 < len(moved) < 63
        flat = point.flatten().repeat(len(moved), 1)
        flat[torch.arange(len(moved)), moved] = image.flatten()[moved]
        assert not fools(flat.view(-1, 1, 9, 7), label.expand(len(moved))).any()


def test_pointwise_in_l1_goes_part_of_the_way_back() -> None:
    x = torch.rand(4, 1, 9, 7, generator=torch.Generator().manual_seed(1))
    y = cnn()(x).argmax(1)
    sizes = {}
    for norm in ("L0", "L1"):
        found = ATTACKS["pointwise"](cnn(), x, y, norm=norm, queries=2000, scouts=1)
        sizes[norm] = NORMS["L1"].size(found - x)
    assert (sizes["L1"] < sizes["L0"]).all()
