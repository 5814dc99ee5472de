"""The linearity study compared with closed forms, and on linear and curved models."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from advkit.benchmarks import linear_decay, linear_fits, linear_images, linear_manifold, linear_nets
from advkit.benchmarks.linear_parts import PARTS
from advkit.benchmarks.linearity import study, usual_models
from advkit.data import Samples, load_data
from advkit.data.samples import take
from advkit.errors import InputError, UsageError
from advkit.models import Classifier


@pytest.fixture(scope="module")
def digits() -> Samples:
    return load_data("bundled:digits?split=train", limit=200)


@pytest.fixture(scope="module")
def halves(digits: Samples) -> linear_fits.Halves:
    return linear_fits.halves(digits)


def test_halves_share_no_image_and_have_every_class(digits: Samples) -> None:
    train, test = linear_fits.halves(digits)
    assert not set(train.ids) & set(test.ids)
    assert len(train.y) + len(test.y) == 200
    assert set(train.y.tolist()) == set(test.y.tolist()) == set(range(10))
    small = linear_fits.halves(digits, most=50)
    assert len(small.train.y) + len(small.test.y) == 100
    with pytest.raises(InputError, match="single image of 4"):
        linear_fits.halves(take(digits, [0, 1, 4, 10, 11]))


def test_the_two_classes() -> None:
    fashion = load_data("bundled:fashion-mnist", limit=100)
    pair = linear_fits.two_classes(fashion)
    assert pair.classes == ("Sneaker", "Bag")
    assert set(pair.y.tolist()) == {0, 1}
    turned = linear_fits.two_classes(fashion, ["Bag", "Sneaker"])
    assert torch.equal(turned.y, 1 - pair.y)
    digits = load_data("bundled:digits", limit=100)
    assert linear_fits.two_classes(digits).classes == ("0", "1")
    assert linear_fits.two_classes(digits._replace(classes=None)).classes == ("class 0", "class 1")
    for names, said in (
        (["Bag"], "not a pair"),
        (["Bag", "Bag"], "not a pair"),
        (["Bag", "B"], "'B'"),
    ):
        with pytest.raises(UsageError, match=said):
            linear_fits.two_classes(fashion, names)


def test_a_fit_is_the_minimum_of_loss_and_decay(halves: linear_fits.Halves) -> None:
    """At the minimum the gradient of the mean cross entropy is minus decay times the weights."""
    data = linear_fits.Halves(*map(linear_fits.two_classes, halves))
    for samples, decay in ((halves.train, 1e-2), (data.train, 1e-1)):
        weight, bias = linear_fits.fit(samples, decay).weights
        x = samples.x.flatten(1).double()
        p = (x @ weight.T + bias).softmax(1)
        off = p - nn.functional.one_hot(samples.y, len(bias))
        slope = off.T @ x / len(x)
        if len(bias) == 2:  # one row of weights, shared out between both
            slope, weight = slope[1:], weight[1:] - weight[:1]
        torch.testing.assert_close(slope, -decay * weight, atol=2e-5, rtol=0)


def test_for_two_classes_fgsm_is_exact_and_nothing_is_below_exact(
    halves: linear_fits.Halves,
) -> None:
    for data, most in (
        (linear_fits.Halves(*map(linear_fits.two_classes, halves)), 0),
        (halves, 99),
    ):
        fitted = linear_fits.fit(data.train, 1e-3)
        exact = linear_images.distances(fitted, data.test)
        curve = linear_images.curves(fitted, data.test, exact)
        for name in linear_images.TRIED:
            assert (curve[name] >= curve["exact"]).all(), name
        told = linear_images.missed(curve).set_index(["norm", "attack"])["missed"]
        assert told["Linf", "fgsm"] <= most
        assert told["L2", "fgsm"] <= most
        assert told["Linf", "noise"] > told["Linf", "fgsm"]
        assert (
            curve.loc[curve["eps"] == 0, "exact"].iloc[0]
            == linear_fits.accuracy(fitted, data.test)[0]
        )


def test_pictures_show_the_exact_distance(halves: linear_fits.Halves) -> None:
    fitted = linear_fits.fit(halves.train, 1e-3)
    exact = linear_images.distances(fitted, halves.test)
    shown = linear_images.exhibits(fitted, halves.test, exact)
    assert len(shown) == 10
    known = exact.set_index("id")["Linf"]
    for one in shown:
        assert one.told["size"] == pytest.approx(known[one.told["sample"]], rel=1e-3, abs=1e-6)
        assert one.told["before"][0]["class"] == one.told["label"]
        assert one.told["margins"][0] < 0 < one.told["margins"][-1]
        assert (one.adversarial - one.clean).abs().max() == pytest.approx(one.told["size"])


def test_the_strength_along_the_difference_of_templates(halves: linear_fits.Halves) -> None:
    fitted = linear_fits.fit(halves.train, 1e-2)
    x, source = halves.test.x, halves.test.y
    target = (source + 3) % 10
    for margin in (0.0, 2.5):
        found = linear_decay.strength(fitted, x, source, target, margin)
        logits = fitted.weights.logits(found.moved)
        gap = logits.gather(1, target[:, None]) - logits.gather(1, source[:, None])
        torch.testing.assert_close(gap, torch.full_like(gap, margin), atol=1e-9, rtol=0)
    probability = logits.softmax(1).gather(1, target[:, None]).squeeze(1)
    torch.testing.assert_close(found.probability, probability)


def test_decay_makes_templates_smooth_and_boundaries_far(halves: linear_fits.Halves) -> None:
    decays = (1e-4, 1e-2, 1.0)
    fits = linear_decay.path(halves, decays)
    frame = linear_decay.along_path(fits, decays, halves)
    for name, sign in (("size", -1), ("Linf", 1), ("L2", 1), ("train", -1)):
        assert (sign * frame[name].diff().dropna() > 0).all(), name
    told = linear_decay.foolings(fits, decays, halves.test)
    assert (told["L2"].diff().dropna() > 0).all()
    assert told["same"].iloc[0] == told["after"].iloc[0] > 5 * told["same"].iloc[-1]
    random = linear_decay.random_images(fits, decays, (1, 8, 8))
    assert random["mean"].is_monotonic_decreasing
    assert random["images"].tolist() == [200] * 3
    shown = linear_decay.shown(fits, decays, halves.test)
    assert [one.decay for one in shown] == [1e-4, 1.0]
    assert shown[0].change.norm() < shown[1].change.norm()


def test_roughness_of_noise_and_of_smooth_pictures() -> None:
    noise = torch.randn(4, 1, 60, 60, generator=torch.Generator().manual_seed(0)).double()
    assert linear_decay.roughness(noise) == pytest.approx(math.sqrt(2), rel=0.02)
    ramp = torch.linspace(0, 1, 100).expand(2, 1, 100, 100).double()
    assert linear_decay.roughness(ramp) < 0.02
    assert linear_decay.roughness(torch.randn(2, 5000).double()) == pytest.approx(2**0.5, rel=0.05)


def test_a_linear_model_is_straight_and_its_tangent_foretells_all(
    halves: linear_fits.Halves,
) -> None:
    model = linear_fits.fit(halves.train, 1e-2).model
    samples = linear_nets.right_ones(model, halves.test, 30)
    straight = linear_nets.straightness(linear_nets.ways(model, samples, 0.1))
    assert (straight["r2"] > 1 - 1e-6).all()
    np.testing.assert_allclose(straight["fitted"], straight["tangent"], rtol=1e-3)
    told = linear_nets.first_order(model, samples, 0.1)
    known = linear_images.distances(linear_fits.fit(halves.train, 1e-2), samples)
    np.testing.assert_allclose(told["foretold"], known["Linf"], rtol=1e-3, atol=1e-6)
    row = linear_nets.summary("linear", straight, told, 0.1)
    assert row["share"] == pytest.approx(1, abs=0.01)
    assert row["kept"] == pytest.approx(1, abs=1e-3)
    assert row["flips_foretold"] == row["flips"]
    assert row["images"] == 30


class Bent(nn.Module):
    """Logits that go up and down along every way."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        wave = torch.sin(60 * x.flatten(1).mean(1))
        return torch.stack([wave, -wave], 1)


def test_a_bent_model_is_not_straight() -> None:
    model = Classifier(Bent(), name="bent", classes=("a", "b"))
    x = torch.rand(20, 1, 4, 4, generator=torch.Generator().manual_seed(0))
    samples = Samples(x, model(x).argmax(1), tuple(map(str, range(20))), ("a", "b"), "made up")
    straight = linear_nets.straightness(linear_nets.ways(model, samples, 0.1))
    assert straight["r2"].median() < 0.5
    told = linear_nets.first_order(model, samples, 0.1)
    row = linear_nets.summary("bent", straight, told, 0.1)
    assert row["kept"] < 0.9


def test_training_images_are_on_the_manifold_and_random_ones_off_it(
    halves: linear_fits.Halves,
) -> None:
    model = linear_fits.fit(halves.train, 1e-2).model
    groups = linear_manifold.kinds(model, halves.test, 0.1)
    assert list(groups) == ["clean", "adversarial", "random", "fooling"]
    assert (groups["adversarial"].x - groups["clean"].x).abs().max() <= 0.1 + 1e-6
    frame = linear_manifold.off_manifold(model, halves.train, {**groups, "known": halves.train})
    middle = frame.groupby("group")[["residual", "pixels", "codes"]].median()
    assert middle.loc["known", "pixels"] == pytest.approx(0, abs=1e-3)
    assert middle.loc["known", "codes"] == pytest.approx(0, abs=1e-3)
    assert middle.loc["random", "residual"] > 2 * middle.loc["clean", "residual"]
    assert middle.loc["random", "pixels"] > middle.loc["adversarial", "pixels"]


def test_probes_see_each_layer_and_leave_no_hook() -> None:
    """Rings cannot be parted by a plane; the squares of their coordinates can."""
    g = torch.Generator().manual_seed(0)
    y = torch.arange(200) % 2
    angle, radius = 6.2832 * torch.rand(200, generator=g), 0.15 + 0.25 * y
    x = 0.5 + torch.stack([radius * angle.cos(), radius * angle.sin()], 1)
    samples = Samples(x, y, tuple(map(str, range(200))), ("in", "out"), "rings")

    class Squares(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.relu, self.last = nn.ReLU(), nn.Linear(2, 2)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.last(self.relu((x - 0.5) ** 2))

    model = Classifier(Squares(), name="squares", classes=("in", "out"))
    frame = linear_manifold.probes(model, linear_fits.halves(samples)).set_index("layer")
    assert list(frame.index) == ["pixels", "relu", "last"]
    assert frame.loc["pixels", "test"] < 0.75 * frame.loc["pixels", "n_test"]
    assert frame.loc["relu", "test"] == frame.loc["relu", "n_test"]
    assert not any(module._forward_hooks for module in model.modules())
    whole = linear_manifold.codes(model, x)["relu"]
    assert torch.equal(whole, ((x - 0.5) ** 2))


def test_the_study_is_the_same_every_time_and_parts_do_not_depend_on_each_other() -> None:
    images = load_data("bundled:digits", limit=60)
    whole = study(images)
    assert set(whole.tables) > {"numbers", "dimension", "curves_all", "foolings", "nets", "probes"}
    assert usual_models(images) == ("bundled:digits-cnn",)
    for name in PARTS:
        alone = study(images, parts=[name])
        assert alone.tables
        for table, frame in alone.tables.items():
            assert frame.equals(whole.tables[table]), table


def test_other_data_flat_and_of_two_classes() -> None:
    g = torch.Generator().manual_seed(0)
    x = torch.rand(80, 6, generator=g)
    flat = Samples(x, (x[:, 0] > x[:, 1]).long(), tuple(map(str, range(80))), None, "flat")
    found = study(flat)
    assert not found.pictures
    assert not found.exhibits
    assert "curves_all" not in found.tables
    assert "No net" in found.notes[0]
    with pytest.raises(InputError, match="has 10 classes"):
        study(load_data("bundled:digits", limit=60)._replace(classes=tuple("abcdefghijk")),
              models=["bundled:digits-cnn"], parts=["nets"])  # fmt: skip
