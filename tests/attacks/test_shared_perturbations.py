"""Universal and patch: one perturbation for all samples."""

import pytest
import torch
from torch import Tensor

import advkit
from advkit.attacks import ATTACKS
from advkit.attacks.one_for_all import learn_universal
from advkit.attacks.printed_patch import apply_patch, learn_patch, random_place
from advkit.engine import NORMS
from advkit.engine.objectives import margins
from advkit.engine.seeding import keys
from tests.attacks.problems import affine, exact_radius, near_boundary


@pytest.mark.parametrize("norm", ["Linf", "L2"])
def test_universal_is_exact_where_all_samples_share_one_boundary(norm: str) -> None:
    model = affine(40)
    x = near_boundary(model, 32, 0.05 if norm == "Linf" else 0.1, norm)
    x = x[model(x).argmax(1) == 0]
    y, radius = torch.zeros(len(x), dtype=torch.long), exact_radius(model, x, norm).max()
    for eps, all_of_them in ((0.98 * radius, False), (1.02 * radius, True)):
        found = ATTACKS["universal"](model, x, y, eps=float(eps), norm=norm)
        assert bool((margins(model(found), y) > 0).all()) is all_of_them


def digits(n: int = 100) -> tuple[torch.nn.Module, Tensor, Tensor]:
    model, samples = (
        advkit.load_model("bundled:digits-cnn"),
        advkit.load_data("bundled:digits", limit=n),
    )
    right = model(samples.x).argmax(1) == samples.y
    return model, samples.x[right], samples.y[right]


def test_a_pattern_learnt_on_some_digits_fools_others_more_than_noise_does() -> None:
    model, x, y = digits()
    half = len(x) // 2
    pattern = learn_universal(model, x[:half], y[:half], eps=0.25, steps=60)
    assert NORMS["Linf"].size(pattern) <= 1
    assert len(pattern) == 1

    def fooled(delta: Tensor) -> int:
        return int((margins(model((x[half:] + delta).clamp(0, 1)), y[half:]) > 0).sum())

    luck = 0.25 * torch.randn(x[:1].shape, generator=torch.Generator().manual_seed(0)).sign()
    assert fooled(0.25 * pattern) >= max(2 * fooled(luck), 10)


def test_a_patch_changes_nothing_beside_it_and_no_more_than_it_may() -> None:
    x = torch.rand(2000, 3, 12, 17, generator=torch.Generator().manual_seed(0))
    picture = torch.full((1, 3, 4, 4), 2.0).clamp(0, 1)
    eps, stream = torch.full((2000,), 48.0), keys(0, None, x, "test")
    place = random_place(x, eps, stream, 0, 45.0)
    changed = apply_patch(x, picture, place) != x
    assert (changed.flatten(1).sum(1) <= 48).all()
    assert (changed.flatten(1).sum(1) >= 3 * 6).all()
    assert torch.equal(changed.any(1), changed.all(1)), "channels change together"
    straight = apply_patch(x, picture, random_place(x, eps, stream, 0, 0.0)) != x
    assert straight.any(1).any(0).all(), "some places are never covered"
    rows = straight.any(1).any(2).sum(1)
    assert ((rows >= 3) & (rows <= 4)).all()


def test_a_learnt_patch_fools_more_than_a_grey_one() -> None:
    model, x, y = digits()
    eps, stream = torch.full((len(x),), 16.0), keys(1, None, x, "test")
    picture = learn_patch(model, x, y, eps=16.0, steps=60)
    assert picture.shape == (1, 1, 4, 4)

    def fooled(picture: Tensor) -> int:
        tried = [
            apply_patch(x, picture, random_place(x, eps, stream, draw, 20.0)) for draw in range(5)
        ]
        return sum(int((margins(model(z), y) > 0).sum()) for z in tried)

    assert fooled(picture) >= 1.3 * fooled(torch.full_like(picture, 0.5))
