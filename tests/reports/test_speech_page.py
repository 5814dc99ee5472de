import base64
import io
import re
import wave
from dataclasses import replace

import numpy as np
import pytest

from advkit.reports import speech_page
from advkit.reports.sounds import DEPTH, loudest, outline, player_uri, spectrogram
from tests.reports.sample_speech import RATE, played, sample_speech


@pytest.fixture(scope="module")
def page() -> str:
    return speech_page(sample_speech())


def heard(uri: str) -> tuple[np.ndarray, int]:
    head, _, data = uri.partition(",")
    assert head == "data:audio/wav;base64"
    with wave.open(io.BytesIO(base64.b64decode(data))) as file:
        assert (file.getnchannels(), file.getsampwidth()) == (1, 2)
        frames = file.readframes(file.getnframes())
        return np.frombuffer(frames, "<i2") / 32767, file.getframerate()


def test_a_player_plays_what_it_was_given() -> None:
    samples = np.random.default_rng(0).uniform(-1.2, 1.2, 500)
    found, rate = heard(player_uri(samples, RATE))
    assert rate == RATE
    assert found == pytest.approx(np.clip(samples, -1, 1), abs=0.5 / 32767 + 1e-9)


def test_a_spectrogram_is_bright_where_the_tone_is() -> None:
    samples = np.sin(2 * np.pi * 1000 * np.arange(RATE) / RATE)
    levels = spectrogram(samples, loudest(samples))
    assert levels.max() == 255
    rows = levels.mean(1)
    assert (len(rows) - 1 - rows.argmax()) * RATE / 256 == pytest.approx(1000, abs=RATE / 256)
    quieter = spectrogram(0.1 * samples, loudest(samples))
    assert 255 - int(quieter.max()) == pytest.approx(255 * 20 / DEPTH, abs=1)


def test_an_outline_touches_the_peaks() -> None:
    samples = np.zeros(2240)
    samples[1000], samples[500] = 0.5, -0.25
    drawn = str(outline(samples, "name", "title", 0.5))
    heights = [float(y) for y in re.findall(r"[ML]\d+ ([\d.]+)", drawn)]
    assert min(heights) == 0
    assert max(heights) == pytest.approx(33)


def test_every_clip_has_three_players_and_says_what_was_heard(page: str) -> None:
    players = re.findall(
        r'<audio controls preload="metadata" src="([^"]+)" aria-label="([^"]+)"', page
    )
    assert len(players) == 9
    before, change, after = (heard(uri)[0] for uri, _ in players[:3])
    assert np.abs(after - before).max() == pytest.approx(0.004, abs=1e-4)
    assert np.abs(change).max() == pytest.approx(np.abs(before).max(), abs=1e-4)
    assert players[0][1] == "said three, wanted eight: before"
    assert "said three, wanted eight (not reached)" in page
    assert "made 40 dB louder" in page


def test_a_change_louder_than_the_speech_is_said_to_be_so() -> None:
    """It was "made -6 dB louder" and "-3.7 dB below the speech"."""
    loud = played("masked-1", "masked", "three", "eight")
    loud = replace(loud, adversarial=3 * loud.clean, snr=-6.02)
    page = speech_page(sample_speech(played=[loud]))
    assert "made 6 dB quieter" in page
    assert "6.0 dB above the speech" in page


def test_numbers_stand_with_their_intervals(page: str) -> None:
    text = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page))
    assert "Chosen word, 30 dB 70.0%" in text
    assert "one sound for all clips 20 dB 33.3%" in text
    assert "six nine six no - -" in text


def test_the_policy_lets_sounds_from_the_page_alone_be_played(page: str) -> None:
    assert "media-src data:;" in page
    assert "default-src 'none'" in page.replace("&#39;", "'")


def test_what_does_not_fit_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("advkit.reports.clips.MAX_BYTES", 250_000)
    page = speech_page(sample_speech())
    assert page.count("<audio") == 6
    assert "1 more are in the run directory" in page


def test_names_are_escaped_and_strings_may_be_left_out() -> None:
    clips = [played("least-1", "least", "<b>three</b>", "eight")]
    page = speech_page(sample_speech(played=clips, strings=[]))
    assert "<b>three</b>" not in page
    assert 'id="strings"' not in page
