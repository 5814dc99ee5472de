"""Masking thresholds of hearing: the levels below which a perturbation of a sound is inaudible.

Psychoacoustic model 1 of ISO/IEC 11172-3 (MPEG-1 audio), as described by Lin and Abdulla (2015) and
used for attacks by Qin et al. (2019, arXiv:1903.10346). Levels are in decibels of sound pressure;
the loudest bin of a clip is set to `LOUDEST`.
"""

from typing import NamedTuple

import torch
from torch import Tensor

WINDOW, HOP = 512, 128
LOUDEST = 96.0
NEAR = 0.5
"""Distance in Barks within which only the strongest masker counts."""


LOWEST = 150.0
"""Hz."""


class Masking(NamedTuple):
    """Thresholds of clips: a perturbation whose level stays below ``level`` is inaudible.

    ``level`` (n, bins, frames) in dB; ``reference`` (n,) is added to the level of a spectrum
    (`levels`) to bring it onto the scale of its clip.
    """

    level: Tensor
    reference: Tensor


def spectrum(wave: Tensor) -> Tensor:
    """Return the short-time spectrum (n, bins, frames), complex, of waveforms (n, length)."""
    return torch.stft(
        wave, WINDOW, HOP, window=_window(wave), center=True, pad_mode="constant",
        return_complex=True,
    )  # fmt: skip


def sound(of: Tensor, length: int) -> Tensor:
    """Return the waveform (n, length) whose `spectrum` is nearest to ``of`` (n, bins, frames)."""
    window = _window(of.real)
    return torch.istft(of, WINDOW, HOP, window=window, center=True, length=length)


def levels(of: Tensor) -> Tensor:
    """Return the levels of a spectrum in dB; -200 for silence."""
    return 10 * (of.real.square() + of.imag.square()).clamp_min(1e-20).log10()


def masking(wave: Tensor, rate: int) -> Masking:
    """Return the masking thresholds of clips ``wave`` (n, length) in [-1, 1] at ``rate`` Hz."""
    heard = levels(spectrum(wave))
    reference = LOUDEST - heard.amax((1, 2))
    on_scale = heard + reference[:, None, None]
    barks, quiet = _barks(rate, wave), _in_quiet(rate, wave)
    each = [_thresholds(one.T, barks, quiet).T for one in on_scale]
    return Masking(torch.stack(each), reference)


def excess(perturbation: Tensor, threshold: Masking) -> Tensor:
    """Return by how many dB a perturbation (n, length) exceeds the threshold, else 0.

    (n, bins, frames); if it is 0 everywhere, the perturbation is inaudible.
    """
    at = levels(spectrum(perturbation)) + threshold.reference[:, None, None]
    return (at - threshold.level).clamp_min(0)


def _window(like: Tensor) -> Tensor:
    return torch.hann_window(WINDOW, dtype=like.dtype, device=like.device)


def _frequencies(rate: int, like: Tensor) -> Tensor:
    return torch.arange(WINDOW // 2 + 1, dtype=like.dtype, device=like.device) * (rate / WINDOW)


def _barks(rate: int, like: Tensor) -> Tensor:
    """Return the frequency of every bin on the Bark scale (Zwicker 1961)."""
    f = _frequencies(rate, like)
    return 13 * (0.00076 * f).atan() + 3.5 * (f / 7500).square().atan()


def _in_quiet(rate: int, like: Tensor) -> Tensor:
    """Return the threshold in quiet of every bin, in dB (Terhardt 1979).

    Constant below `LOWEST`, so that loud infrasound does not count as inaudible.
    """
    f = _frequencies(rate, like).clamp_min(LOWEST) / 1000
    return 3.64 * f**-0.8 - 6.5 * (-0.6 * (f - 3.3).square()).exp() + 1e-3 * f**4 - 12


def _thresholds(level: Tensor, barks: Tensor, quiet: Tensor) -> Tensor:
    """Return the global thresholds (frames, bins) of levels (frames, bins)."""
    is_masker = _maskers(level, barks, quiet)
    apart = barks[None, :] - barks[:, None]  # distance of the masked bin from the masker
    slope = torch.where(apart > 0, -27 + 0.37 * (level - 40).clamp_min(0)[:, :, None], 27.0)
    masked = (level - 6.025 - 0.275 * barks)[:, :, None] + slope * apart
    power = torch.where(is_masker[:, :, None], 10 ** (masked / 10), 0.0).sum(1)
    return 10 * (power + 10 ** (quiet / 10)).log10()


def _maskers(level: Tensor, barks: Tensor, quiet: Tensor) -> Tensor:
    """Return which bins mask: peaks over the threshold in quiet, the strongest within `NEAR`."""
    inner = level[:, 1:-1]
    peak = torch.zeros_like(level, dtype=torch.bool)
    peak[:, 1:-1] = (inner >= level[:, :-2]) & (inner > level[:, 2:]) & (inner > quiet[1:-1])
    peaks = level.where(peak, -torch.inf)
    near = (barks[None, :] - barks[:, None]).abs() < NEAR
    strongest = peaks[:, None, :].where(near[None], -torch.inf).amax(2)
    return peak & (peaks == strongest)
