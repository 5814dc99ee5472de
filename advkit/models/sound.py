"""Log-mel spectrograms as a differentiable layer, and the nets on waveforms."""

import math

import torch
from torch import Tensor, nn

RATE = 8000
"""Sampling rate in Hz for which the mel bands are laid out."""
WINDOW, HOP = 256, 128
FLOOR = 1e-7
"""Added to every band before the logarithm, in units of the power of the normalised waveform."""


class LogMel(nn.Module):
    """Waveforms (n, length) to log-mel spectrograms (n, 1, mels, frames), differentiable.

    Hann windows of `WINDOW` at every `HOP`; triangular bands on the mel scale of O'Shaughnessy
    (1987). The mean of a clip is subtracted, so that gain has no effect except through the floor.
    """

    window: Tensor
    bands: Tensor

    def __init__(self, mels: int = 40) -> None:
        super().__init__()
        window = torch.hann_window(WINDOW, dtype=torch.float64)
        self.register_buffer("window", (window / window.norm()).float(), persistent=False)
        self.register_buffer("bands", mel_bands(mels).float(), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Return the log power in every band and frame, halved, with mean 0."""
        spectrum = torch.fft.rfft(x.unfold(1, WINDOW, HOP) * self.window)
        power = spectrum.real.square() + spectrum.imag.square()
        heard = (power @ self.bands + FLOOR).log().transpose(1, 2)
        level: Tensor = (heard - heard.mean((1, 2), keepdim=True)) / 2
        return level[:, None]


def mel_bands(mels: int) -> Tensor:
    """Return the weights (WINDOW / 2 + 1, mels) of triangular bands up to half of `RATE`.

    A band is at least as wide as one bin of the spectrum, and its weights add up to 1.
    """
    top = 1127 * math.log1p(RATE / 2 / 700)
    edges = 700 * torch.expm1(torch.linspace(0, top, mels + 2, dtype=torch.float64) / 1127)
    width = RATE / WINDOW
    bins = torch.arange(WINDOW // 2 + 1, dtype=torch.float64)[:, None] * width
    middle = edges[1:-1]
    below, above = (middle - edges[:-2]).clamp_min(width), (edges[2:] - middle).clamp_min(width)
    rising, falling = (bins - middle) / below + 1, (middle - bins) / above + 1
    weights = torch.minimum(rising, falling).clamp_min(0)
    return weights / weights.sum(0)


class OverTime(nn.Module):
    """Features (n, channels, bands, frames) to their mean and maximum over the frames."""

    def forward(self, x: Tensor) -> Tensor:
        """Return (n, 2 * channels * bands)."""
        return torch.cat([x.mean(3), x.amax(3)], 1).flatten(1)


def logmel(shape: tuple[int, ...], n_classes: int, width: int = 16, mels: int = 40) -> nn.Module:
    """Return three 3 x 3 convolutions on the log-mel spectrogram, and a linear layer."""
    del shape
    return nn.Sequential(
        LogMel(mels),
        nn.Conv2d(1, width, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(width, 2 * width, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(2 * width, 4 * width, 3, padding=1),
        nn.ReLU(),
        OverTime(),
        nn.Linear(8 * width * (mels // 4), n_classes),
    )


def logmel_linear(shape: tuple[int, ...], n_classes: int, mels: int = 40) -> nn.Module:
    """Return multinomial logistic regression on the log-mel spectrogram."""
    frames = (shape[0] - WINDOW) // HOP + 1
    return nn.Sequential(LogMel(mels), nn.Flatten(), nn.Linear(mels * frames, n_classes))


class Sequence(nn.Module):
    """Waveforms to one row of logits per frame: convolutions in time on the log-mel spectrogram."""

    def __init__(self, n_classes: int, width: int, mels: int) -> None:
        super().__init__()
        self.heard = LogMel(mels)
        self.bands = nn.Sequential(
            nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d((2, 1)),
        )  # fmt: skip
        self.time = nn.Sequential(
            nn.Conv1d(32 * (mels // 4), width, 5, padding=2), nn.ReLU(),
            nn.Conv1d(width, width, 5, padding=4, dilation=2), nn.ReLU(),
            nn.Conv1d(width, n_classes, 5, padding=2),
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        """Return logits (n, frames, n_classes); one frame is two hops."""
        return self.time(self.bands(self.heard(x)).flatten(1, 2)).transpose(1, 2)  # type: ignore[no-any-return]
