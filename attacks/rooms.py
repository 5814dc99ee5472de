"""Random room acoustics: echoes, gain, delay, noise."""

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from advkit.engine import rows
from advkit.engine.batch_invariant import power_of
from advkit.engine.seeding import normal, uniform

if TYPE_CHECKING:
    from advkit.attacks.averaged_transforms import Transform

SILENCE = 0.5
"""Value in [0, 1] of a waveform in [-1, 1] that is 0."""
TAIL = 1200
"""Length of the echo in entries; 0.15 s at 8 kHz."""


def louder(decibels: float = 6.0) -> "Transform":
    """Return the transform that changes the gain by up to so many decibels either way."""

    def change(x: Tensor, keys: Tensor, stream: int) -> Tensor:
        gain = power_of(10, (2 * uniform(keys, (), stream) - 1) * decibels / 20)
        return SILENCE + rows(gain.to(x), x) * (x - SILENCE)

    return change


def in_room(
    echo: float = 0.3, shift: int = 160, decibels: float = 6.0, noise: float = 0.01
) -> "Transform":
    """Return the transform that simulates playing sounds in a room and recording them.

    An echo of decaying noise (Lebart et al. 2001) at up to ``echo`` times the energy of the direct
    sound, a delay or lead of up to ``shift`` entries, a gain of up to ``decibels``, and noise of up
    to ``noise`` times the size of the sound. Inputs other than sounds are treated as one signal.
    """
    gained = louder(decibels)

    def record(x: Tensor, keys: Tensor, stream: int) -> Tensor:
        wave = (x - SILENCE).flatten(1)
        amount = uniform(keys, (4,), 4 * stream).to(x)
        heard = _convolved(wave, _response(keys, 4 * stream + 1, wave, amount[:, 0] * echo))
        late = ((2 * amount[:, 1] - 1) * shift).round().long()
        place = torch.arange(wave.shape[1], device=x.device) - late[:, None]
        inside = (place >= 0) & (place < wave.shape[1])
        heard = heard.gather(1, place.clamp(0, wave.shape[1] - 1)).where(inside, 0.0)
        hiss = normal(keys, wave.shape[1:], 4 * stream + 2).to(x)
        size = wave.square().mean(1, keepdim=True).sqrt()
        heard = heard + amount[:, 2:3] * noise * size * hiss
        return gained(SILENCE + heard.view_as(x), keys, 4 * stream + 3)

    return record


def _response(keys: Tensor, stream: int, wave: Tensor, energy: Tensor) -> Tensor:
    """Return the impulse responses (n, taps): the direct sound, then an echo of that energy."""
    taps = min(TAIL, wave.shape[1])
    die = torch.exp(-5.0 * torch.arange(1, taps, device=wave.device) / taps)
    tail = normal(keys, (taps - 1,), stream).to(wave) * die.to(wave)
    tail = tail * (energy[:, None] / tail.square().sum(1, keepdim=True).clamp_min(1e-30)).sqrt()
    return torch.cat([torch.ones_like(wave[:, :1]), tail], 1)


def _convolved(wave: Tensor, response: Tensor) -> Tensor:
    length = wave.shape[1] + response.shape[1] - 1
    product = torch.fft.rfft(wave, length) * torch.fft.rfft(response, length)
    heard: Tensor = torch.fft.irfft(product, length)
    return heard[:, : wave.shape[1]]
