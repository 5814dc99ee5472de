"""Audits and attacks of sound: the same engine, with waveforms and decibels."""

import base64
import io
import json
import re
import wave
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

import advkit
from advkit.api.request import in_units, pick_eps
from advkit.data import Samples, load_data
from advkit.data.samples import SIGNAL, taken_relative
from advkit.errors import InputError, UsageError
from advkit.evaluate.gradient_checks import true_gradient
from advkit.evaluate.measure import measure
from advkit.evaluate.stage_context import all_units
from advkit.evaluate.subject import FINE, SMALL, Subject
from advkit.models import load_model
from advkit.models.classifier import Classifier
from advkit.numbers import decibels, radius
from tests.attacks.problems import affine, exact_radius, near_boundary


def signals(n: int = 12) -> tuple[Samples, Classifier]:
    """Return short signals near the boundary of a linear model, and the model."""
    model = affine(40, seed=3)
    x = near_boundary(model, n, 0.3, "L2")
    y = model(x).argmax(1)
    names = tuple(f"signal/{i}" for i in range(n))
    samples = Samples(x, y, names, ("no", "yes"), "signals", box=SIGNAL, rate=8000)
    return samples, Classifier(model, name="linear", classes=("no", "yes"))


def test_sizes_are_told_in_the_units_of_the_signal() -> None:
    samples, model = signals(3)
    x_adv = samples.x.clone()
    x_adv[:, 0] += 0.1
    rows = measure(model, samples.x, samples.y, x_adv, norm="L2", eps=0.2, units=all_units(samples))
    for norm in ("Linf", "L2", "L1"):
        assert rows[norm].to_numpy() == pytest.approx([0.2] * 3, rel=1e-5)
    assert rows["L0"].tolist() == [1, 1, 1]
    assert rows["valid"].all()
    rows = measure(
        model, samples.x, samples.y, x_adv, norm="L2", eps=0.19, units=all_units(samples)
    )
    assert not rows["valid"].any()


def test_decibels_are_those_of_the_energies() -> None:
    samples, model = signals(3)
    waves = 2 * samples.x.double() - 1
    x_adv = samples.x + 0.01 * torch.randn(3, 40, generator=torch.Generator().manual_seed(0))
    rows = measure(model, samples.x, samples.y, x_adv, norm="L2", eps=9.0,
                   units=all_units(taken_relative(samples)))  # fmt: skip
    noise = 2 * (x_adv.double() - samples.x.double())
    wanted = 10 * (waves.square().sum(1) / noise.square().sum(1)).log10()
    assert -20 * np.log10(rows["L2"].to_numpy()) == pytest.approx(wanted.numpy(), abs=1e-4)


@pytest.mark.parametrize("relative", [False, True])
def test_an_audit_of_a_linear_model_finds_the_exact_distance(
    tmp_path: Path, relative: bool
) -> None:
    samples, model = signals()
    exact = 2 * exact_radius(model.net, samples.x, "L2")  # type: ignore[arg-type]
    if relative:
        exact = exact / (2 * samples.x - 1).norm(dim=1)
    eps = float(exact.sort().values[5:7].mean())
    asked = decibels(-20 * np.log10(eps)) if relative else eps
    run = advkit.audit(
        model, samples, norm="L2", eps=asked, out=tmp_path, attacks=["ddn:steps=200"]
    )
    found = pd.read_csv(tmp_path / "samples.csv")["distance"].to_numpy()
    near = exact.numpy() < eps
    assert near.sum() == 6
    assert found[near] == pytest.approx(exact.numpy()[near], rel=5e-3)
    assert run["robust"][0]["count"] == 6
    assert not any(row["invalid"] for row in run["attacks"])
    assert json.loads((tmp_path / "run.json").read_text())["made_of"].get("relative") is (
        True if relative else None
    )
    assert any("20 dB below it" in note for note in run["notes"]) is relative


@pytest.mark.parametrize(
    ("model", "data"),
    [("bundled:spoken-digits-cnn", None), ("./own.py:net", "audio:clips"), ("net", signals()[0])],
)
def test_sound_is_audited_in_decibels_by_default(model: str, data: str | Samples | None) -> None:
    eps = pick_eps(None, "L2", model, data)
    assert eps == pytest.approx((10**-2.5, 0.01, 10**-1.5))
    assert in_units(signals()[0], eps).relative


def test_an_attack_writes_sounds_to_listen_to(tmp_path: Path) -> None:
    import soundfile

    run = advkit.attack("fgsm", "bundled:spoken-digits-linear", limit=10, eps=0.01, out=tmp_path)
    assert run["success"]["count"] > 0
    files = sorted((tmp_path / "sounds").glob("*.wav"))
    assert files
    table = pd.read_csv(tmp_path / "table.csv")
    assert table["Linf"].max() == pytest.approx(0.01, rel=1e-4)
    wave, rate = soundfile.read(files[0])
    assert (len(wave), rate) == (8000, 8000)


def test_decibels_and_plain_radii_do_not_mix(tmp_path: Path) -> None:
    samples, model = signals()
    with pytest.raises(UsageError, match="in decibels and some are not"):
        advkit.audit(model, samples, eps=[0.1, radius("30dB")], out=tmp_path)


def test_a_band_needs_sound(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--band needs sound"):
        advkit.attack(
            "fgsm", "bundled:digits-cnn", eps=0.1, band=(300, 3400), limit=2, out=tmp_path
        )


@pytest.mark.parametrize(("text", "value"), [("40dB", 0.01), ("0 db", 1.0), ("8/255", 8 / 255)])
def test_radii_as_people_write_them(text: str, value: float) -> None:
    assert radius(text) == pytest.approx(value)


def test_the_gradient_of_the_bundled_recogniser_passes_its_check() -> None:
    """With the step of an image it would not: the log-mel of silence bends too sharply."""
    model, clips = (
        load_model("bundled:spoken-digits-cnn"),
        load_data("bundled:spoken-digits", limit=8),
    )
    subject = Subject(model, model, clips.x, clips.y, clips.ids, "L2", [0.01], 0, None, FINE)
    assert true_gradient(subject).state == "pass"
    assert true_gradient(subject._replace(small=SMALL)).state == "fail"


def test_nothing_is_proved_of_sound_whose_radii_are_not_those_of_the_box(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="its own scale"):
        advkit.certify("bundled:spoken-digits-cnn", limit=10, eps=0.1, out=tmp_path / "run")


def test_the_page_of_an_audit_plays_the_sounds_that_it_found(tmp_path: Path) -> None:
    samples, model = signals(4)
    found = advkit.audit(model, samples, norm="L2", eps=1.0, attacks=["ddn"], out=tmp_path / "run")
    page = Path(found["report"]).read_text(encoding="utf-8")
    players = re.findall(r'<audio [^>]*src="data:audio/wav;base64,([^"]+)"', page)
    assert len(players) == 3 * 4
    with wave.open(io.BytesIO(base64.b64decode(players[0]))) as file:
        heard = np.frombuffer(file.readframes(40), "<i2") / 32767
    saved = np.load(tmp_path / "run" / "cards.npz")
    assert saved["rate"] == file.getframerate() == 8000
    assert heard == pytest.approx(saved["clean"][0], abs=1e-4)
    assert (2 * samples.x - 1).numpy() == pytest.approx(saved["clean"], abs=1e-6)
    for row in json.loads((tmp_path / "run" / "cards.json").read_text()):
        assert (
            f"{-20 * np.log10(row['sizes']['L2'] / _energy(samples, row['sample'])):.0f} dB" in page
        )


def _energy(samples: Samples, name: str) -> float:
    return float((2 * samples.x[samples.ids.index(name)] - 1).norm())
