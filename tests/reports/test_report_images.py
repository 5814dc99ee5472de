import base64
import io

import numpy as np
import pytest
from PIL import Image

from advkit.reports.images import data_uri, fit, gain_for, perturbation, to_bytes, upscale


def decoded(uri: str) -> np.ndarray:
    head, body = uri.split(",")
    assert head == "data:image/png;base64"
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(body))))


@pytest.mark.parametrize("shape", [(28, 28), (5, 9), (1, 1), (32, 48, 3)])
def test_pngs_are_lossless_and_deterministic(shape: tuple[int, ...]) -> None:
    levels = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    assert np.array_equal(decoded(data_uri(levels)), levels)
    assert data_uri(levels) == data_uri(levels.copy())


def test_all_8_bit_values_survive_the_way_through_floats() -> None:
    levels = np.arange(256, dtype=np.uint8).reshape(16, 16)
    assert np.array_equal(to_bytes((levels / 255)[..., None]), levels)
    assert np.array_equal(
        to_bytes((levels.astype(np.float32) / np.float32(255))[..., None]), levels
    )


def test_colour_stays_and_other_channels_are_averaged() -> None:
    assert to_bytes(np.zeros((4, 5, 3))).shape == (4, 5, 3)
    two = np.stack([np.zeros((4, 5)), np.ones((4, 5))], axis=-1)
    assert np.array_equal(to_bytes(two), np.full((4, 5), 128))


def test_no_change_is_mid_grey_and_sides_are_symmetric() -> None:
    delta = np.array([[[0.0], [0.1], [-0.1], [0.05]]])
    assert perturbation(delta, 5).tolist() == [[128, 255, 0, 191]]


@pytest.mark.parametrize(
    ("peak", "gain"),
    [(8 / 255, 16), (4 / 255, 32), (0.1, 5), (0.3, 1), (1.0, 0.5), (0.0, 255), (1 / 255, 128)],
)
def test_gain_is_round_and_fills_the_scale_without_cutting(peak: float, gain: float) -> None:
    delta = np.array([[[peak], [-peak]]])
    assert gain_for(delta) == gain
    assert gain * peak <= 0.5 + 1 / 255


def test_large_pictures_shrink_and_small_ones_grow_by_whole_factors() -> None:
    large = np.zeros((300, 600, 3), dtype=np.uint8)
    assert fit(large).shape == (112, 224, 3)
    small = np.zeros((28, 28), dtype=np.uint8)
    assert fit(small) is small
    assert [upscale(28, 28), upscale(8, 8), upscale(64, 32), upscale(224, 224)] == [3, 12, 1, 1]
