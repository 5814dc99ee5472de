"""A small speech study, also on human recordings if available."""

from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from advkit.benchmarks.speech import begin
from advkit.benchmarks.speech_conditions import closed_form
from advkit.benchmarks.speech_study import SNRS, Effort, speech
from advkit.data import Samples, load_data, take
from advkit.errors import EmptyError, UsageError
from advkit.models import load_model
from advkit.models.recipe import Recipe
from advkit.models.train import fit

HUMAN = Path(__file__).parents[3] / "shared" / "data" / "speech"
LINEAR = "bundled:spoken-digits-linear"
WORDS = "zero one two three four five six seven eight nine".split()  # noqa: SIM905


def clips(n: int) -> Samples:
    return load_data("bundled:spoken-digits", limit=n)


def nothing(_what: str, _done: int, _total: int) -> None:
    pass


def test_a_small_study_keeps_its_promises() -> None:
    linear = load_model(LINEAR)
    found, sounds = speech(linear, clips(20), learn_on=clips(30), others=[load_model(LINEAR)],
                           linear=linear, effort=Effort(6, 1, 32))  # fmt: skip
    targeted = [row["targeted"]["value"] for row in found["curve"]]
    assert targeted == sorted(targeted, reverse=True)
    for row, snr in zip(found["curve"], SNRS, strict=True):
        assert row["snr"] == snr
        assert row["robust"]["count"] == 6 - row["untargeted"]["count"]
        assert row["targeted"]["n"] == found["attacked"] == 6
    assert found["curve"][0]["untargeted"]["count"] == 6
    assert found["transfer"][0]["success"]["count"] == found["transfer"][0]["own"]["count"]
    assert found["masking"]["hidden"]["mean_excess"] < found["masking"]["plain"]["mean_excess"]
    for row in found["played"]:
        clean, other = (sounds[f"{row['key']}-{end}"] for end in ("clean", "adversarial"))
        snr = 20 * np.log10(np.linalg.norm(clean) / np.linalg.norm(other - clean))
        assert snr == pytest.approx(row["snr"], abs=0.01)
        assert np.abs(other).max() <= 1
    assert f"{found['clean']['value']:.1%}" in found["verdict"]


def test_ddn_finds_the_closed_form_on_the_log_mel_of_a_linear_recogniser() -> None:
    study, _ = begin(load_model(LINEAR), clips(20), clips=8, seed=0, progress=nothing)
    found = closed_form(study, load_model(LINEAR))
    assert 1 - 1e-4 <= found["least"] <= found["most"] < 1.01


def test_what_cannot_be_studied() -> None:
    with pytest.raises(UsageError, match="not sound"):
        begin(load_model("bundled:digits-cnn"), load_data("bundled:digits", limit=4), clips=2,
              seed=0, progress=nothing)  # fmt: skip
    some, model = clips(10), load_model(LINEAR)
    wrong = some._replace(y=(model(some.x).argmax(1) + 1) % 10)
    with pytest.raises(EmptyError, match="none of 10 clips correctly"):
        begin(model, wrong, clips=2, seed=0, progress=nothing)


def test_clips_attacked_are_spread_and_right_and_targets_are_others() -> None:
    study, clean = begin(load_model(LINEAR), clips(30), clips=5, seed=0, progress=nothing)
    assert len(study.right.ids) == 5
    assert clean["n"] == 30
    assert (study.model(study.right.x).argmax(1) == study.right.y).all()
    assert (study.targets != study.right.y).all()


@pytest.mark.skipif(not HUMAN.is_dir(), reason="the human recordings are not here")
def test_people_are_understood_after_training_on_them_and_attacked(tmp_path: Path) -> None:
    """Free Spoken Digit Dataset: official test part (indices 0 to 4) of six speakers."""
    for name in ("fsdd_train_idx5_19", "fsdd_test_idx0_4"):
        _unpack(HUMAN / f"{name}.npz", tmp_path / name)
    seen, held = (load_data(f"audio:{tmp_path / name}")
                  for name in ("fsdd_train_idx5_19", "fsdd_test_idx0_4"))  # fmt: skip
    recipe = Recipe(arch="logmel", options={"width": 8}, epochs=8, batch_size=32, rate=0.004)
    for _step in fit(seen.x, seen.y, tmp_path / "human.safetensors", recipe, classes=seen.classes):
        pass
    model = load_model(str(tmp_path / "human.safetensors"))
    with torch.no_grad():
        right = model(held.x).argmax(1) == held.y
    assert float(right.double().mean()) >= 0.9
    study, _ = begin(model, take(held, range(40)), clips=6, seed=0, progress=nothing)
    from advkit.attacks import ATTACKS

    x_adv = ATTACKS["apgd"](model, study.right.x, study.right.y, eps=study.radius(20.0), norm="L2",
                            steps=40, loss="ce")  # fmt: skip
    fooled, snr = study.judged(x_adv, None)
    assert fooled.sum() >= 5
    assert (snr > 19.99).all()


def _unpack(file: Path, folder: Path) -> None:
    with np.load(file, allow_pickle=False) as saved:
        parts = np.split(saved["audio"], saved["offsets"][1:-1])
        for i, (part, digit) in enumerate(zip(parts, saved["y"], strict=True)):
            home = folder / WORDS[digit]
            home.mkdir(parents=True, exist_ok=True)
            soundfile.write(home / f"{i:04d}.wav", part, int(saved["sample_rate"]))
