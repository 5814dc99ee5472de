import itertools
import math

import numpy as np
import pytest
import torch

from advkit.data import load_data
from advkit.errors import UsageError
from advkit.models import load_model
from advkit.models.nets import SOUND, build
from advkit.models.sequence import BLANK, ctc_loss, padded, transcribed, word_errors
from advkit.models.sound import FLOOR, HOP, RATE, WINDOW, LogMel, Sequence, mel_bands


def noise(n: int = 3, length: int = 4000) -> torch.Tensor:
    return torch.randn(n, length, generator=torch.Generator().manual_seed(0))


def test_log_mel_is_that_of_a_plain_loop() -> None:
    x = noise(1)[0]
    window = np.hanning(WINDOW + 1)[:-1]
    window = window / np.linalg.norm(window)
    frames = []
    for start in range(0, len(x) - WINDOW + 1, HOP):
        spectrum = np.fft.rfft(x[start : start + WINDOW].double().numpy() * window)
        frames.append(np.log(np.abs(spectrum) ** 2 @ mel_bands(20).numpy() + FLOOR))
    wanted = np.array(frames).T
    wanted = (wanted - wanted.mean()) / 2
    assert LogMel(20)(x[None])[0, 0].numpy() == pytest.approx(wanted, abs=2e-4)


@pytest.mark.parametrize("mels", [20, 40])
def test_mel_bands_peak_at_their_places(mels: int) -> None:
    bands = mel_bands(mels)
    assert bands.sum(0) == pytest.approx(torch.ones(mels).double())
    assert (bands >= 0).all()
    top = 1127 * math.log(1 + RATE / 2 / 700)
    middle = [700 * (math.exp(top * (i + 1) / (mels + 1) / 1127) - 1) for i in range(mels)]
    peaks = bands.argmax(0) * RATE / WINDOW
    assert np.abs(peaks.numpy() - middle).max() <= RATE / WINDOW / 2 + 1e-9


def test_a_gain_changes_nothing_loud() -> None:
    assert torch.allclose(LogMel()(noise()), LogMel()(5 * noise()), atol=1e-4)


@pytest.mark.parametrize("arch", SOUND)
def test_the_gradient_is_that_of_finite_differences(arch: str) -> None:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        net = build(arch, shape=(4000,), n_classes=3).double().eval()
    x = noise(2).double().requires_grad_(True)
    way = noise(2, 4000).flip(1).double()
    way = way / way.norm()
    (slope,) = torch.autograd.grad(net(x)[:, 0].sum(), x)
    h = 1e-5
    with torch.no_grad():
        rise = (net(x + h * way)[:, 0].sum() - net(x - h * way)[:, 0].sum()) / (2 * h)
    assert float((slope * way).sum()) == pytest.approx(float(rise), rel=1e-3)


@pytest.mark.parametrize("arch", SOUND)
@pytest.mark.parametrize("shape", [(1, 28, 28), (500,)])
def test_only_waveforms(arch: str, shape: tuple[int, ...]) -> None:
    with pytest.raises(UsageError, match="cannot take inputs of shape") as caught:
        build(arch, shape=shape, n_classes=2)
    assert "waveforms of at least 2048 numbers" in caught.value.hint


def test_logits_do_not_depend_on_the_batch() -> None:
    model, x = load_model("bundled:spoken-digits-cnn"), load_data("bundled:spoken-digits").x[:37]
    with torch.no_grad():
        whole = model(x)
        for size in (1, 3, 8, 20):
            assert torch.equal(torch.cat([model(part) for part in torch.split(x, size)]), whole)


def test_ctc_loss_is_that_of_all_paths() -> None:
    logits = torch.randn(1, 4, 3, generator=torch.Generator().manual_seed(0))
    shares = logits.double().softmax(2)[0]
    for words in [(0,), (1, 0), (0, 0), (1,)]:
        total = 0.0
        for path in itertools.product(range(3), repeat=4):
            merged = [p for p, before in zip(path, (None, *path), strict=False) if p != before]
            if tuple(p - 1 for p in merged if p != BLANK) == words:
                total += math.prod(float(shares[t, p]) for t, p in enumerate(path))
        found = ctc_loss(logits, *padded([words]))
        assert float(found[0]) == pytest.approx(-math.log(total), rel=1e-5)


def test_transcripts_merge_repeats_and_leave_blanks_out() -> None:
    path = torch.tensor([[0, 2, 2, 0, 2, 1, 1, 0], [0, 0, 0, 0, 0, 0, 0, 0]])
    assert transcribed(torch.nn.functional.one_hot(path, 3).float()) == [(1, 1, 0), ()]


@pytest.mark.parametrize(
    ("heard", "said", "rate"),
    [([(1, 2)], [(1, 2)], 0.0), ([(1,)], [(1, 2)], 0.5), ([()], [(3,)], 1.0),
     ([(2, 1), (5,)], [(1, 2), (5, 6)], 0.75)],
)  # fmt: skip
def test_word_errors(
    heard: list[tuple[int, ...]], said: list[tuple[int, ...]], rate: float
) -> None:
    assert word_errors(heard, said) == rate


def test_a_sequence_net_gives_a_row_per_two_hops() -> None:
    net = Sequence(11, 8, 40)
    frames = (24000 - WINDOW) // HOP + 1
    assert net(noise(2, 24000)).shape == (2, frames // 2, 11)
