"""Attacks in bfloat16: examples must fool in full precision, or are repaired."""

from functools import partial

import torch
from torch import Tensor, nn

from advkit.attacks.decoupled_direction_norm import ddn
from advkit.attacks.reduced_precision import in_bfloat16
from advkit.engine import NORMS, metered
from advkit.engine.objectives import Model, margins
from tests.attacks.problems import affine, boxed_radius, cnn, few, images, near_boundary


def shaky() -> tuple[nn.Module, Model, Tensor, Tensor]:
    """Return a linear model, one that under autocast is fooled too early, images and labels."""
    model = affine(40)
    x = near_boundary(model, 40, 0.1, "L2")
    x = x[model(x).argmax(1) == 1]
    early = 0.002 * float(model.weight.norm())

    def biased(z: Tensor) -> Tensor:
        with torch.autocast("cpu", enabled=False):
            half = torch.tensor([early, -early]) / 2
            logits = model(z)
        return logits + half if torch.is_autocast_enabled("cpu") else logits

    return model, biased, x, torch.ones(len(x), dtype=torch.long)


def test_what_fools_in_bfloat16_alone_is_moved_on_until_it_fools() -> None:
    model, biased, x, y = shaky()
    exact = boxed_radius(model, x, y, "L2")
    with torch.autocast("cpu", torch.bfloat16):
        early = ddn(biased, x, y, steps=60)
    assert (margins(model(early), y) <= 0).any(), "it needs no mending"
    for outer in (False, True):
        with torch.autocast("cpu", torch.bfloat16, enabled=outer), metered(model) as meter:
            found = in_bfloat16(partial(ddn, steps=60))(biased, x, y)
        assert (margins(model(found), y) > 0).all()
        ratio = NORMS["L2"].size(found - x) / exact
        assert (ratio >= 1 - 1e-5).all()
        assert ratio.max() < 1.03
        assert meter.backwards == 60 * len(x), "it was attacked anew"


def test_what_cannot_be_mended_is_attacked_anew_in_full_precision() -> None:
    net, x = cnn(), images(16)
    y = net(x).argmax(1)

    def gullible(z: Tensor) -> Tensor:
        """Under autocast everything is a mistake."""
        logits = net(z).float()
        return -logits if torch.is_autocast_enabled("cpu") else logits

    for inner, eps in ((few, 0.05), (few, 0.2), (partial(ddn, steps=20), None)):
        found = in_bfloat16(inner)(gullible, x, y, eps=eps)
        assert torch.equal(found, inner(net, x, y, eps=eps))


def test_what_is_moved_out_of_the_ball_does_not_count() -> None:
    model, biased, x, y = shaky()
    eps = 0.995 * boxed_radius(model, x, y, "L2")  # bfloat16 says yes, and it is not so
    found = in_bfloat16(partial(ddn, steps=60))(biased, x, y, eps=eps)
    assert torch.equal(found, x)
