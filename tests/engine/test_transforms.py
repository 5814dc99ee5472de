"""Differentiable transforms compared with plain references."""

import numpy as np
import pytest
import torch
from scipy import ndimage
from torch import Tensor

from advkit.engine.transforms import as_images, blur, move, resize_and_pad, rotate, scale, translate


def images(n: int = 3, height: int = 9, width: int = 12) -> Tensor:
    g = torch.Generator().manual_seed(0)
    return torch.rand(n, 2, height, width, generator=g, dtype=torch.float64)


def test_nothing_asked_changes_nothing() -> None:
    x = images()
    torch.testing.assert_close(move(x), x)
    torch.testing.assert_close(blur(x, 0.0), x)
    torch.testing.assert_close(resize_and_pad(x, 1.0, torch.full((3, 2), 0.3)), x)


def test_a_shift_by_whole_pixels_moves_pixels() -> None:
    x = images()
    moved = translate(x, torch.tensor([0.0, 1.0, -2.0]), torch.tensor([3.0, 0.0, 1.0]))
    torch.testing.assert_close(moved[0, :, :, 3:], x[0, :, :, :-3])
    assert moved[0, :, :, :3].abs().max() < 1e-12
    torch.testing.assert_close(moved[1, :, 1:], x[1, :, :-1])
    torch.testing.assert_close(moved[2, :, :-2, 1:], x[2, :, 2:, :-1])


def test_a_quarter_turn_is_counterclockwise_and_four_of_them_lead_back() -> None:
    x = images(height=8, width=8)
    turned = rotate(x, 90.0)
    torch.testing.assert_close(turned, x.rot90(1, (2, 3)))
    torch.testing.assert_close(rotate(rotate(rotate(turned, 90.0), 90.0), 90.0), x)


@pytest.mark.parametrize("degrees", [7.0, -33.0])
def test_turns_are_those_of_scipy_inside(degrees: float) -> None:
    x = images(1, 15, 15)
    wanted = ndimage.rotate(x[0, 0].numpy(), degrees, reshape=False, order=1)
    inside = slice(4, -4)
    found = rotate(x, degrees)[0, 0].numpy()
    np.testing.assert_allclose(found[inside, inside], wanted[inside, inside], atol=1e-10)


def test_enlarging_by_two_and_shrinking_again_leads_nearly_back() -> None:
    smooth = blur(images(1, 17, 17), 2.0)
    back = scale(scale(smooth, 2.0), 0.5)
    torch.testing.assert_close(back[:, :, 6:11, 6:11], smooth[:, :, 6:11, 6:11], atol=0.01, rtol=0)


@pytest.mark.parametrize("sigma", [0.4, 1.0, 2.5])
def test_blur_is_that_of_scipy(sigma: float) -> None:
    x = images()
    wanted = ndimage.gaussian_filter(x.numpy(), (0, 0, sigma, sigma), mode="reflect", truncate=4.0)
    torch.testing.assert_close(blur(x, sigma), torch.from_numpy(wanted))


def test_gradients_are_those_of_finite_differences() -> None:
    x = images(1, 5, 6).requires_grad_()
    amount = torch.tensor([0.3], dtype=torch.float64)
    for change in (
        lambda z: move(z, degrees=20 * amount, factor=1.2, down=amount, right=-amount),
        lambda z: blur(z, 1 + amount),
    ):
        assert torch.autograd.gradcheck(change, (x,))


def test_each_sample_is_changed_by_its_own_amount_whatever_its_batch() -> None:
    x, turn = images().float(), torch.tensor([10.0, 20.0, 30.0])
    whole = move(x, degrees=turn, factor=turn / 20)
    smooth = blur(x, turn / 10)
    for i in range(3):
        one = slice(i, i + 1)
        assert torch.equal(move(x[one], degrees=turn[one], factor=turn[one] / 20), whole[one])
        assert torch.equal(blur(x[one], turn[one] / 10), smooth[one])


def test_signals_become_rows() -> None:
    assert as_images(torch.zeros(2, 7)).shape == (2, 1, 1, 7)
    assert as_images(torch.zeros(2, 3, 7)).shape == (2, 3, 1, 7)
    assert as_images(torch.zeros(2, 3, 4, 5)).shape == (2, 3, 4, 5)
