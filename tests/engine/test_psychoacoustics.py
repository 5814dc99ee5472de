import math

import pytest
import torch

from advkit.engine.psychoacoustics import (
    HOP,
    LOUDEST,
    WINDOW,
    excess,
    levels,
    masking,
    sound,
    spectrum,
)

RATE = 8000


def tone(hertz: float, amplitude: float = 0.5) -> torch.Tensor:
    at = torch.arange(4096, dtype=torch.float64) / RATE
    return (amplitude * (2 * math.pi * hertz * at).sin())[None]


def bark(hertz: float) -> float:
    return 13 * math.atan(0.00076 * hertz) + 3.5 * math.atan((hertz / 7500) ** 2)


def test_a_sound_comes_back_from_its_spectrum() -> None:
    wave = torch.randn(2, 4096, generator=torch.Generator().manual_seed(0)).double()
    assert torch.allclose(sound(spectrum(wave), 4096), wave, atol=1e-10)


@pytest.mark.parametrize("barks", [-3.0, -1.0, 0.0, 1.5, 3.0])
def test_a_tone_masks_as_the_formula_says(barks: float) -> None:
    """The spreading function of Lin and Abdulla (2015) around one masker, by hand."""
    bin_of_tone = 64  # 1000 Hz
    threshold = masking(tone(bin_of_tone * RATE / WINDOW), RATE)
    frame = threshold.level.shape[2] // 2
    places = [bark(i * RATE / WINDOW) - bark(1000) for i in range(WINDOW // 2 + 1)]
    at = min(range(len(places)), key=lambda i: abs(places[i] - barks))
    slope = 27.0 if places[at] <= 0 else -27 + 0.37 * (LOUDEST - 40)
    wanted = LOUDEST - 6.025 - 0.275 * bark(1000) + slope * places[at]
    assert float(threshold.level[0, at, frame]) == pytest.approx(wanted, abs=0.3)


def test_the_loudest_bin_is_taken_for_so_many_decibels() -> None:
    wave = tone(1000, 0.01)
    scaled = levels(spectrum(wave)) + masking(wave, RATE).reference[:, None, None]
    assert float(scaled.max()) == pytest.approx(LOUDEST, abs=1e-9)


def test_thresholds_do_not_depend_on_the_gain() -> None:
    one, other = masking(tone(700, 0.5), RATE), masking(tone(700, 0.005), RATE)
    assert torch.allclose(one.level, other.level, atol=1e-6)


def test_a_quiet_neighbour_is_hidden_and_a_far_one_is_not() -> None:
    inner = slice(4, -4)  # frames without the ends, where the tone begins
    threshold = masking(tone(1000), RATE)
    near, far = (excess(tone(f, 0.005), threshold)[:, :, inner] for f in (1050, 3000))
    assert float(near.max()) == 0
    assert float(far.max()) > 10


def test_excess_is_in_decibels() -> None:
    threshold = masking(tone(1000), RATE)
    a, b = (excess(tone(3000, s), threshold)[:, :, 4:-4].max() for s in (0.01, 0.1))
    assert float(b - a) == pytest.approx(20, abs=1e-6)
    assert HOP * 4 == WINDOW
