"""Attacks on waveforms: those specific to sound, and others on the bundled recogniser."""

from functools import cache

import pytest
import torch

from advkit.attacks import ATTACKS, attack_card
from advkit.attacks.below_hearing import masked
from advkit.attacks.frequency_band import filtered, in_band
from advkit.attacks.rooms import in_room, louder
from advkit.attacks.spoken_phrase import say
from advkit.benchmarks.speech_strings import bundled_sequence, wanted
from advkit.data import Samples, load_data, take
from advkit.data.digit_strings import digit_strings
from advkit.engine import NORMS, metered
from advkit.engine.objectives import margins
from advkit.engine.psychoacoustics import excess, masking
from advkit.engine.seeding import keys
from advkit.errors import UsageError
from advkit.evaluate.measure import slack
from advkit.models import Classifier, load_model
from advkit.models.sequence import transcribed
from tests.attacks.subjects import SUBJECTS


@cache
def recogniser() -> Classifier:
    return load_model("bundled:spoken-digits-cnn")


def clips(n: int) -> Samples:
    """Return clips that are read right."""
    found = load_data("bundled:spoken-digits", limit=2 * n)
    with torch.no_grad():
        right = (recogniser()(found.x).argmax(1) == found.y).nonzero()[:, 0].tolist()
    return take(found, right[:n])


def snr(x_adv: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    return -20 * ((x_adv - x).norm(dim=1) / (x - 0.5).norm(dim=1)).log10()


def below(x: torch.Tensor, decibels: float) -> torch.Tensor:
    return 10 ** (-decibels / 20) * (x - 0.5).norm(dim=1)


WHITE_BOX = [
    name for name in ATTACKS if attack_card(name, ATTACKS[name]).knows == "gradients"
]  # fmt: skip


@cache
def linear_recogniser() -> Classifier:
    """Return a net that is asked in no time, and falls to every attack."""
    return load_model("bundled:spoken-digits-linear")


@pytest.mark.parametrize("name", WHITE_BOX)
def test_white_box_attacks_on_waveforms_keep_ball_and_box_whatever_the_batch(name: str) -> None:
    some, card = take(clips(3), [0, 2]), attack_card(name, ATTACKS[name])
    norm = "L2" if "L2" in card.norms else card.norms[0]
    eps = 0.3 * NORMS[norm].size(some.x - 0.5) if norm != "L0" else torch.full((2,), 400.0)
    given = {"norm": norm, "seed": 1, **SUBJECTS[name].options}
    whole = ATTACKS[name](linear_recogniser(), some.x, some.y, eps=eps, ids=some.ids, **given)
    assert ((whole >= 0) & (whole <= 1)).all()
    sizes = NORMS[norm].size(whole.double() - some.x.double())
    assert (sizes <= eps * (1 + 1e-6) + slack(norm, some.x)).all()
    alone = ATTACKS[name](linear_recogniser(), some.x[1:], some.y[1:], eps=eps[1:],
                          ids=some.ids[1:], **given)  # fmt: skip
    assert torch.equal(alone, whole[1:])


@pytest.mark.parametrize("name", ["pgd", "apgd", "fmn", "race"])
def test_white_box_attacks_fool_the_linear_recogniser(name: str) -> None:
    some = clips(6)
    eps = below(some.x, 20)
    x_adv = ATTACKS[name](linear_recogniser(), some.x, some.y, eps=eps, norm="L2", ids=some.ids,
                          **SUBJECTS[name].options)  # fmt: skip
    assert int((margins(linear_recogniser()(x_adv), some.y) > 0).sum()) >= 4


def test_a_chosen_word_within_noise_thirty_decibels_below_the_speech() -> None:
    some = clips(8)
    targets = (some.y + 3) % 10
    x_adv = ATTACKS["apgd"](recogniser(), some.x, some.y, eps=below(some.x, 30), norm="L2",
                            targets=targets, steps=200, loss="ce", ids=some.ids)  # fmt: skip
    assert (snr(x_adv, some.x) > 29.99).all()
    assert int((recogniser()(x_adv).argmax(1) == targets).sum()) >= 8 - 1


def test_masked_fools_by_what_the_model_of_the_ear_does_not_hear() -> None:
    some = clips(3)
    targets = (some.y + 1) % 10
    with metered(recogniser()) as meter:
        x_adv = masked(recogniser(), some.x, some.y, targets=targets, steps=60)
    assert (meter.forwards / 3, meter.backwards / 3) == (61, 120)
    plain = ATTACKS["ddn"](recogniser(), some.x, some.y, eps=None, norm="L2", targets=targets,
                           steps=60)  # fmt: skip
    threshold = masking(2 * some.x - 1, 8000)
    over, over_plain = (excess(2 * (z - some.x), threshold).mean((1, 2)) for z in (x_adv, plain))
    assert (margins(recogniser()(x_adv), some.y, targets) > 0).all()
    assert (over < over_plain / 2).all()


def test_masked_keeps_to_eps_and_leaves_what_it_cannot_fool() -> None:
    some = clips(2)
    eps = below(some.x, 60)
    x_adv = masked(recogniser(), some.x, some.y, eps=eps, steps=10)
    assert ((x_adv - some.x).norm(dim=1) <= eps * (1 + 1e-5)).all()
    same = masked(recogniser(), some.x, some.y, eps=torch.zeros(2), steps=3)
    assert torch.equal(same, some.x)
    assert torch.equal(masked(recogniser(), some.x[:0], some.y[:0]), some.x[:0])


def test_a_band_holds_all_of_the_perturbation() -> None:
    some = clips(3)
    eps = below(some.x, 15)
    attack = in_band(ATTACKS["apgd"], 500, 2000)
    x_adv = attack(recogniser(), some.x, some.y, eps=eps, norm="L2", steps=20, ids=some.ids)
    power = torch.fft.rfft(x_adv - some.x).abs().square()
    at = torch.fft.rfftfreq(8000, 1 / 8000)
    outside = (at < 500) | (at > 2000)
    assert (power[:, outside].sum(1) < 1e-3 * power.sum(1)).all()
    assert ((x_adv - some.x).norm(dim=1) <= eps * (1 + 1e-5)).all()
    assert (margins(recogniser()(x_adv), some.y) > 0).any()


@pytest.mark.parametrize("band", [(300.0, 200.0), (4000.0, 5000.0), (-1.0, 100.0)])
def test_a_band_that_there_is_not(band: tuple[float, float]) -> None:
    with pytest.raises(UsageError, match="band"):
        in_band(ATTACKS["apgd"], *band)


def test_filtering_twice_is_filtering_once() -> None:
    x = torch.randn(2, 801, generator=torch.Generator().manual_seed(0))
    once = filtered(x, 100, 3000, 8000)
    assert torch.allclose(filtered(once, 100, 3000, 8000), once, atol=1e-6)
    assert torch.allclose(filtered(x, 0, 4000, 8000), x, atol=1e-6)


def test_a_room_without_echo_delay_gain_and_noise_changes_nothing() -> None:
    some = clips(2)
    stream = keys(0, some.ids, some.x)
    still = in_room(echo=0.0, shift=0, decibels=0.0, noise=0.0)(some.x, stream, 3)
    assert torch.allclose(still, some.x, atol=1e-6)


def test_rooms_are_drawn_per_clip_and_draw() -> None:
    some = clips(3)
    stream, room = keys(0, some.ids, some.x), in_room()
    whole = room(some.x, stream, 1)
    assert torch.equal(
        whole, torch.cat([room(some.x[i : i + 1], stream[i : i + 1], 1) for i in range(3)])
    )
    assert not torch.allclose(whole, room(some.x, stream, 2), atol=1e-3)
    gained = louder(6.0)(some.x, stream, 1) - 0.5
    gain = gained.norm(dim=1) / (some.x - 0.5).norm(dim=1)
    assert ((gain > 10 ** (-6.01 / 20)) & (gain < 10 ** (6.01 / 20))).all()
    assert len(set(gain.tolist())) == 3


def test_the_echo_of_a_room_has_the_energy_asked_for() -> None:
    click = torch.full((64, 4000), 0.5)
    click[:, 0] = 1.0
    stream = keys(0, None, click)
    heard = in_room(echo=0.3, shift=0, decibels=0.0, noise=0.0)(click, stream, 0) - 0.5
    assert heard[:, 0] == pytest.approx(torch.full((64,), 0.5), abs=1e-5)
    energy = heard[:, 1:].square().sum(1) / 0.25
    assert float(energy.max()) <= 0.3 + 1e-4
    assert float(energy.mean()) == pytest.approx(0.15, abs=0.04)


def test_a_string_is_made_to_say_another() -> None:
    strings = digit_strings(2, "test", seed=1)
    model, goal = bundled_sequence(), wanted(strings, 0)
    assert all(len(a) == len(b) for a, b in zip(goal, strings.said, strict=True))
    assert not any(
        a == b for pair in zip(goal, strings.said, strict=True) for a, b in zip(*pair, strict=True)
    )
    eps = 0.15 * (strings.x - 0.5).abs().amax(1)
    x_adv, said = say(model, strings.x, goal, eps=eps, steps=60)
    assert said.all()
    assert transcribed(model(x_adv)) == goal
    assert ((x_adv - strings.x).abs().amax(1) <= eps + 1e-6).all()
    alone, _ = say(model, strings.x[:1], goal[:1], eps=eps[:1], steps=60)
    assert torch.equal(alone, x_adv[:1])


def test_what_cannot_be_said_is_left_as_it_was() -> None:
    strings = digit_strings(1, "test", seed=1)
    x_adv, said = say(bundled_sequence(), strings.x, [(0,)], eps=1e-6, steps=2)
    assert not said.any()
    assert torch.equal(x_adv, strings.x)
