from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from advkit.data import load_data
from advkit.data.audio_folder import middle
from advkit.data.bundled_sets import SPOKEN
from advkit.data.digit_strings import digit_strings, spelled
from advkit.data.samples import take, taken_relative, units
from advkit.engine import NORMS
from advkit.errors import EmptyError, InputError, UnsafeError, UsageError

BUNDLED = Path(__file__).parents[2] / "advkit" / "data" / "bundled"


def tone(hertz: float, rate: int, seconds: float) -> np.ndarray:
    return 0.5 * np.sin(2 * np.pi * hertz * np.arange(round(rate * seconds)) / rate)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """One recording of each kind, in the directories ``low`` and ``high``."""
    for name in ("low", "high"):
        (tmp_path / name).mkdir()
    soundfile.write(tmp_path / "low" / "a.wav", tone(200, 8000, 0.5), 8000)
    stereo = np.stack([tone(200, 16000, 0.5), -0.5 * tone(200, 16000, 0.5)], 1)
    soundfile.write(tmp_path / "low" / "b.flac", stereo, 16000)
    soundfile.write(tmp_path / "high" / "a.wav", tone(1000, 44100, 1.5), 44100)
    return tmp_path


def test_recordings_become_waveforms_in_the_middle_of_a_clip(folder: Path) -> None:
    found = load_data(f"audio:{folder}")
    assert found.x.shape == (3, 8000)
    assert found.ids == ("high/a.wav", "low/a.wav", "low/b.flac")
    assert found.classes == ("high", "low")
    assert found.y.tolist() == [0, 1, 1]
    assert (found.box, found.rate) == ((-1.0, 1.0), 8000)
    wave = 2 * found.x[1].double().numpy() - 1
    assert wave[2000:6000] == pytest.approx(tone(200, 8000, 0.5), abs=1e-4)
    assert not wave[:2000].any()
    assert not wave[6000:].any()


def test_what_was_done_to_recordings_is_told(folder: Path) -> None:
    assert load_data(f"audio:{folder}").notes == (
        "1 of 3 recordings: 2 channels, mixed down to their mean",
        "1 of 3 recordings: ends cut off",
        "1 of 3 recordings: resampled from 16000 to 8000 Hz",
        "1 of 3 recordings: resampled from 44100 to 8000 Hz",
    )


def test_resampling_and_mixing_down_keep_the_sound(folder: Path) -> None:
    found = load_data(f"audio:{folder}?seconds=0.5")
    inner = slice(200, 3800)  # away from the ends, where the filter rings
    high, _, mixed = (2 * found.x.double().numpy() - 1)[:, inner]
    assert mixed == pytest.approx(0.25 * tone(200, 8000, 0.5)[inner], abs=2e-3)
    spectrum = np.abs(np.fft.rfft(high * np.hanning(len(high))))
    assert np.argmax(spectrum) * 8000 / len(high) == pytest.approx(1000, abs=3)


def test_labels_from_a_table(folder: Path) -> None:
    (folder / "said.csv").write_text("file,label\nhigh/a.wav,yes\nlow/a.wav,no\n")
    found = load_data(f"audio:{folder}?labels=said.csv&rate=16000")
    assert found.classes == ("no", "yes")
    assert found.y.tolist() == [1, 0]
    assert found.x.shape == (2, 16000)


def test_the_length_is_the_model_s_and_limit_goes_round_the_classes(folder: Path) -> None:
    found = load_data(f"audio:{folder}", limit=2, shape=(4000,))
    assert found.x.shape == (2, 4000)
    assert found.y.tolist() == [0, 1]


def test_a_map_numbers_the_words(folder: Path) -> None:
    (folder / "order.txt").write_text(
        "{}\n{}\n".format(*load_data(f"audio:{folder}").classes[::-1])
    )
    plain, mapped = (load_data(f"audio:{folder}{query}")
                     for query in ("", f"?class_map={folder / 'order.txt'}"))  # fmt: skip
    assert mapped.classes == plain.classes[::-1]
    assert mapped.y.tolist() == (1 - plain.y).tolist()
    assert mapped.ids == plain.ids


@pytest.mark.parametrize(
    ("query", "error", "told"),
    [
        ("?rate=10", UsageError, "rate=10"),
        ("?seconds=0", UsageError, "seconds=0"),
        ("?second=1", UsageError, "no option 'second'"),
        ("?labels=none.csv", InputError, "none.csv does not exist"),
        ("?labels=low/a.wav", InputError, "not a table in UTF-8"),
        ("?labels=odd.csv", InputError, "no column 'file', but name"),
        ("?labels=half.csv", InputError, "row 2 of .* is not complete"),
        ("?labels=other.csv", InputError, "gone.wav does not exist"),
        ("?labels=outside.csv", UnsafeError, "row 2 of .* which is outside"),
    ],
)
def test_what_cannot_be_read_is_told(
    folder: Path, query: str, error: type[Exception], told: str
) -> None:
    (folder / "other.csv").write_text("file,label\ngone.wav,yes\n")
    (folder / "half.csv").write_text("file,label\nlow/a.wav\n")
    (folder / "odd.csv").write_text("name\nlow/a.wav\n")
    (folder / "outside.csv").write_text("file,label\n../../etc/passwd,yes\n")
    with pytest.raises(error, match=told):
        load_data(f"audio:{folder}{query}")


@pytest.mark.parametrize("content", [b"", b"RIFFnothing", b"\x80\x04pickled"])
def test_a_file_that_is_no_sound(folder: Path, content: bytes) -> None:
    (folder / "low" / "b.flac").write_bytes(content)
    with pytest.raises(InputError, match=r"b\.flac"):
        load_data(f"audio:{folder}")


def test_nan_and_silence_of_samples(folder: Path) -> None:
    soundfile.write(folder / "low" / "b.wav", np.array([0.1, np.nan]), 8000, "FLOAT")
    with pytest.raises(InputError, match="NaN"):
        load_data(f"audio:{folder}")
    soundfile.write(folder / "low" / "b.wav", np.zeros(0), 8000)
    with pytest.raises(InputError, match="no sample"):
        load_data(f"audio:{folder}")


def test_empty_directories(tmp_path: Path) -> None:
    (tmp_path / "yes").mkdir()
    with pytest.raises(EmptyError, match="no recording"):
        load_data(f"audio:{tmp_path}")


@pytest.mark.parametrize("length", [3, 4, 9, 10])
def test_the_middle_of_a_waveform(length: int) -> None:
    found = middle(np.arange(1, 7, dtype=np.float32), length)
    assert len(found) == length
    kept = found[found > 0]
    assert abs((kept[0] - 1) - (6 - kept[-1])) <= 1
    before, after = np.flatnonzero(found)[0], length - 1 - np.flatnonzero(found)[-1]
    assert after - before in (0, 1)


def test_the_bundled_digits() -> None:
    test, train = (load_data(f"bundled:spoken-digits?split={s}") for s in ("test", "train"))
    assert (len(test.x), len(train.x)) == (190, 500)
    for found in (test, train):
        assert torch.bincount(found.y).tolist() == [len(found.x) // 10] * 10
        assert all(
            SPOKEN[y] == name.split("/")[2] for y, name in zip(found.y, found.ids, strict=True)
        )
        assert ((found.x >= 0) & (found.x <= 1)).all()
        assert ((2 * found.x - 1).abs().amax(1) - 0.5).abs().max() < 1e-3
    names = [{name.split("+")[1].split("/")[0] for name in found.ids} for found in (test, train)]
    assert not names[0] & names[1]
    assert (BUNDLED / "spoken-digits.flac").stat().st_size < 2_000_000


def test_strings_of_digits_are_the_same_every_time_and_in_one_voice() -> None:
    many, few = digit_strings(12, seed=3), digit_strings(5, seed=3)
    assert torch.equal(many.x[:5], few.x)
    assert many.said[:5] == few.said
    assert many.x.shape == (12, 24000)
    assert all(1 <= len(words) <= 5 for words in many.said)
    assert spelled((7, 9)) == "three zero"


@pytest.mark.parametrize("norm", ["Linf", "L2", "L1", "L0"])
def test_a_unit_of_sound_is_half_of_the_unit_box(norm: str) -> None:
    clips = load_data("bundled:spoken-digits", limit=3)
    unit = units(clips, norm)
    if norm == "L0":
        assert unit is None
        return
    assert unit is not None
    assert unit.tolist() == [0.5] * 3
    relative = units(taken_relative(clips), norm)
    assert relative is not None
    waves = 2 * clips.x.double() - 1
    assert relative.double() == pytest.approx(0.5 * NORMS[norm].size(waves), rel=1e-5)


def test_images_have_no_units_and_silence_no_decibels() -> None:
    assert units(load_data("bundled:digits", limit=2), "L2") is None
    clips = take(load_data("bundled:spoken-digits", limit=2), [0])
    with pytest.raises(InputError, match="is silent"):
        taken_relative(clips._replace(x=torch.full_like(clips.x, 0.5)))
