"""Blur, contrast, salt and pepper, rotation: compared with a plain search of the family."""

import pytest
import torch
from torch import Tensor

from advkit.attacks import ATTACKS
from advkit.attacks.severity import Family, Quest, nearest_member
from advkit.engine import NORMS, rows
from advkit.engine.objectives import margins
from advkit.engine.transforms import blur, move
from tests.attacks.problems import cnn, images


def first_on_a_line(x: Tensor, y: Tensor, line: list[Tensor]) -> Tensor:
    """Return how far from ``x`` the first fooling image of ``line`` is, infinity if none."""
    found, net = torch.full((len(x),), torch.inf), cnn()
    for image in line:
        fooled = margins(net(image), y) > 0
        found = torch.where(fooled & found.isinf(), NORMS["L2"].size(image - x), found)
    return found


def test_contrast_finds_what_a_fine_search_of_both_lines_finds() -> None:
    x = images(64)
    y, grey = cnn()(x).argmax(1), rows(x.flatten(1).mean(1), x)
    steps = torch.linspace(0, 1, 2001)
    faded = first_on_a_line(x, y, [x + t * (grey - x) for t in steps])
    gains = [(grey + (x - grey) / (1 - t).clamp_min(1e-6)).clamp(0, 1) for t in steps]
    stretched = first_on_a_line(x, y, gains)
    found = ATTACKS["contrast"](cnn(), x, y, rungs=100)
    size = NORMS["L2"].size(found - x)
    wanted = torch.minimum(faded, stretched)
    hit = size > 0
    assert torch.equal(hit, wanted.isfinite())
    assert hit.sum() >= 4
    torch.testing.assert_close(size[hit], wanted[hit], rtol=0.02, atol=1e-3)


def test_blur_finds_what_a_fine_search_finds() -> None:
    x = images(64)
    y = cnn()(x).argmax(1)
    line = [blur(x, 0.9 * t) for t in torch.linspace(0, 1, 1001)]
    wanted = first_on_a_line(x, y, line)
    size = NORMS["L2"].size(ATTACKS["gaussian_blur"](cnn(), x, y, rungs=100) - x)
    hit = size > 0
    assert torch.equal(hit, wanted.isfinite())
    assert hit.sum() >= 4
    torch.testing.assert_close(size[hit], wanted[hit], rtol=0.02, atol=1e-3)


def test_turns_find_the_nearest_of_the_grid() -> None:
    x = images(64)
    y = cnn()(x).argmax(1)
    nearest = torch.full((64,), torch.inf)
    for turn in (-20.0, 0.0, 20.0):
        for down in (-0.9, 0.0, 0.9):
            for right in (-0.7, 0.0, 0.7):
                tried = move(x, degrees=turn, down=down, right=right)
                size = torch.where(
                    margins(cnn()(tried), y) > 0, NORMS["L2"].size(tried - x), torch.inf
                )
                nearest = torch.minimum(nearest, size)
    found = ATTACKS["rotation_translation"](
        cnn(), x, y, degrees=20.0, angles=1, shifts=1, bisections=0
    )
    size = NORMS["L2"].size(found - x)
    torch.testing.assert_close(torch.where(size > 0, size, torch.inf), nearest)
    assert nearest.isfinite().sum() >= 6


def test_a_family_is_bracketed_to_the_last_halving() -> None:
    """A model that flips at 0.37 of the way: found from above, within the last bracket."""
    x = torch.zeros(1, 4)

    def model(z: Tensor) -> Tensor:
        return torch.stack([torch.full((len(z),), 0.37), z[:, 0]], 1)

    quest = Quest(model, x, torch.tensor([0]), None, "Linf")
    line = Family(lambda which, severity: severity[:, None].expand(-1, 4), 10)
    found = nearest_member(quest, [line], None, 8)
    assert 0.37 < found[0, 0].item() <= 0.37 + 0.1 / 2**8 + 1e-6
    assert nearest_member(quest, [line], 0.36, 8)[0, 0].item() == 0
    assert 0.37 < nearest_member(quest, [line], 0.38, 8)[0, 0].item() <= 0.38


@pytest.mark.parametrize("unit", ["pixels", "features"])
def test_salt_and_pepper_paints_black_and_white_only(unit: str) -> None:
    x = images(12, 3)
    model = cnn(channels=3)
    found = ATTACKS["salt_and_pepper"](model, x, model(x).argmax(1), unit=unit)
    changed = found != x
    assert changed.any()
    assert ((found[changed] == 0) | (found[changed] == 1)).all()
    whole = changed.any(1) == ((found == 0).all(1) | (found == 1).all(1))
    assert bool(whole[changed.any(1)].all()) is (unit == "pixels")
