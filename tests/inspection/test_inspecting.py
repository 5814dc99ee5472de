"""Findings of `advkit inspect` for models with one deliberate fault each."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from advkit.api.inspecting import inspect
from advkit.data import Samples, load_data, take
from advkit.errors import InputError, UsageError
from advkit.evaluate.budget import budget
from advkit.evaluate.suite import plan_of
from advkit.evaluate.suites import SUITES
from advkit.models import Classifier, load_model

DIGITS = take(load_data("bundled:digits"), range(96))
NET = load_model("bundled:digits-cnn")


class Around(nn.Module):
    """The net of digits with something before or after it."""

    def __init__(self, change: Callable[[nn.Module, Tensor], Tensor]) -> None:
        super().__init__()
        self.net, self.change = load_model("bundled:digits-cnn"), change

    def forward(self, x: Tensor) -> Tensor:
        return self.change(self.net, x)


def around(change: Callable[[nn.Module, Tensor], Tensor], **options: object) -> Classifier:
    return Classifier(Around(change), name="net", **options)


def failed(found: dict) -> list[str]:
    return [row["name"] for row in found["findings"] if row["state"] == "fail"]


def states(found: dict) -> dict[str, str]:
    return {row["name"]: row["state"] for row in found["findings"]}


def test_a_model_that_is_as_it_should_be() -> None:
    found = inspect("bundled:digits-cnn", limit=96)
    assert failed(found) == found["advice"] == []
    assert found["accuracy"]["n"] == found["n"] == 96
    with torch.no_grad():
        right = int((NET(load_data("bundled:digits", limit=96).x).argmax(1)
                     == load_data("bundled:digits", limit=96).y).sum())  # fmt: skip
    assert found["accuracy"]["count"] == right
    assert found["best"] == "as it is"
    assert (found["shape"], found["n_classes"], found["outputs"]) == ([1, 8, 8], 10, "logits")
    assert found["gradient"]["zero_share"] == 0 < found["gradient"]["margin_least"]


def test_what_an_audit_will_take_is_what_it_says_itself() -> None:
    found = inspect("bundled:digits-cnn", limit=1000)
    for row in found["audits"]:
        told = budget(plan_of(SUITES[row["suite"]]["Linf"], "Linf"), 3, 10)
        assert told
        assert (row["passes"], row["most_passes"]) == (told.usual, told.most)
        assert row["images"] == found["n"] == 360
        assert f"{told.usual:,} passes" in row["told"]
    assert [row["suite"] for row in found["audits"]] == ["quick", "standard", "thorough"]
    assert found["audits"][0]["seconds"] < found["audits"][2]["seconds"]
    assert inspect("bundled:digits-cnn", limit=64)["audits"][0]["images"] == 1000


@pytest.mark.parametrize(
    ("change", "name"),
    [
        (lambda net, x: net(x).softmax(1), "outputs"),
        (lambda net, x: net(x) + 0.3 * torch.randn(len(x), 10), "determinism"),
        (lambda net, x: net(x - x.mean(0)), "batch_size"),
        (lambda net, x: net((x * 64).round() / 64), "gradient"),
        (lambda net, x: 1e4 * net(x), "saturation"),
        (lambda net, x: net(x.detach()), "gradient"),
    ],
)
def test_what_is_wrong_is_found(change: Callable[[nn.Module, Tensor], Tensor], name: str) -> None:
    found = inspect(around(change), DIGITS)
    assert name in failed(found)
    assert all(row["advice"] in found["advice"] for row in found["findings"] if row["advice"])


def test_a_gradient_that_lies() -> None:
    class Liar(torch.autograd.Function):
        @staticmethod
        def forward(_ctx: object, x: Tensor) -> Tensor:
            return x.clone()

        @staticmethod
        def backward(_ctx: object, slope: Tensor) -> Tensor:
            return -slope

    found = inspect(around(lambda net, x: net(Liar.apply(x))), DIGITS)
    assert failed(found) == ["true_gradient"]


def test_a_model_that_counts_its_passes() -> None:
    class Counting(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net = load_model("bundled:digits-cnn")
            self.register_buffer("passes", torch.zeros(1))

        def forward(self, x: Tensor) -> Tensor:
            self.passes += 1
            return self.net(x)

    assert failed(inspect(Classifier(Counting(), name="net"), DIGITS)) == ["side_effects"]


def test_log_probabilities_are_told_and_no_fault() -> None:
    found = inspect(around(lambda net, x: net(x).log_softmax(1)), DIGITS)
    assert (found["outputs"], failed(found)) == ("log-probabilities", [])


def shades() -> Samples:
    """Images whose class is their shade of red, in tenths; green and blue are anything."""
    y = torch.arange(60) % 10
    x = torch.rand((60, 3, 8, 8), generator=torch.Generator().manual_seed(0))
    x[:, 0] = ((y + 0.5) / 10)[:, None, None]
    return Samples(x, y, tuple(map(str, range(60))), None, "shades")


def by_shade(_net: nn.Module, pixels: Tensor, channel: int = 0) -> Tensor:
    middles = (torch.arange(10) + 0.5) / 10
    return -100 * (pixels[:, channel].mean((1, 2))[:, None] - middles).square()


@pytest.mark.parametrize(
    ("mean", "std", "best"),
    [
        ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225), "imagenet"),
        ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5), "-1 to 1"),
        ((0.0, 0.0, 0.0), (1 / 255,) * 3, "0 to 255"),
    ],
)
def test_the_preprocessing_that_the_model_was_trained_on_is_found(
    mean: tuple[float, ...], std: tuple[float, ...], best: str
) -> None:
    def trained_so(net: nn.Module, x: Tensor) -> Tensor:
        pixels = x * torch.tensor(std).view(3, 1, 1) + torch.tensor(mean).view(3, 1, 1)
        return by_shade(net, pixels)

    found = inspect(around(trained_so, mean=[0.1, 0.2, 0.3], std=[0.9, 0.8, 0.7]), shades())
    assert found["best"] == best
    assert "preprocessing" in failed(found)
    row = next(row for row in found["preprocessing"] if row["name"] == best)
    assert (row["count"], row["n"]) == (60, 60)
    assert torch.allclose(torch.tensor(row["std"]).expand(3), torch.tensor(std))
    assert best in found["advice"][0]
    assert f"?mean={','.join(f'{v:.6g}' for v in row['mean'])}&std=" in found["advice"][0]
    fixed = inspect(around(trained_so, mean=row["mean"], std=row["std"]), shades())
    assert fixed["best"] == "as it is"
    assert fixed["accuracy"]["value"] == 1


def test_channels_that_are_reversed() -> None:
    found = inspect(around(lambda net, x: by_shade(net, x, 2)), shades())
    assert found["best"] == "as it is, channels as BGR"
    assert any("reverse the channels" in text for text in found["advice"])


def test_black_that_is_white() -> None:
    grey = shades()._replace(x=shades().x[:, :1])
    found = inspect(around(lambda net, x: by_shade(net, 1 - x)), grey)
    assert found["best"] == "as it is, inverted"


def test_classes_in_another_order() -> None:
    found = inspect(around(lambda net, x: net(x).roll(3, 1)), DIGITS)
    assert failed(found) == ["class_order", "accuracy"]
    assert "'3' for '0'" in " ".join(found["advice"])


def test_names_tell_another_order_whatever_the_model_has_learnt() -> None:
    model = around(lambda net, x: net(x))
    model.classes = (model.classes or DIGITS.classes)[::-1]
    found = inspect(model, DIGITS)
    assert failed(found) == ["class_order"]
    assert "--class-map" in " ".join(found["advice"])


def test_classes_in_another_order_are_not_taken_for_other_preprocessing() -> None:
    """On all images chance alone makes some preprocessing right more often."""
    everything = load_data("bundled:digits")
    found = inspect(around(lambda net, x: net(x).roll(3, 1)), everything)
    assert failed(found) == ["class_order", "accuracy"]
    assert states(found)["preprocessing"] == "not applicable"
    assert not any("preprocessing (" in line for line in found["advice"])


def test_other_preprocessing_is_not_taken_for_another_order() -> None:
    found = inspect(around(lambda net, x: net(1 - x)), load_data("bundled:digits"))
    assert "preprocessing" in failed(found)
    assert "class_order" not in failed(found)
    assert "inverted" in found["best"]


def test_a_model_that_knows_nothing_has_no_better_preprocessing_or_order() -> None:
    torch.manual_seed(0)
    found = inspect(around(lambda _net, x: x.flatten(1)[:, 20:30]), DIGITS)
    assert not {"preprocessing", "class_order"} & set(failed(found))


def test_accuracy_that_guessing_has_too() -> None:
    always = 1000 * torch.eye(10)[3]
    found = inspect(around(lambda net, x: net(x) + always), DIGITS)
    assert "accuracy" in failed(found)


def test_a_bare_module_is_refused_as_by_every_function() -> None:
    with pytest.raises(UsageError, match="the model is a Linear"):
        inspect(nn.Linear(64, 10), DIGITS)


def test_training_mode_is_compared_and_left() -> None:
    net = nn.Sequential(nn.BatchNorm2d(1), nn.Flatten(), nn.Dropout(0.9), nn.Linear(64, 10))
    before = net[0].running_mean.clone()
    found = inspect(Classifier(net, name="net"), DIGITS)
    (seen,) = (row["seen"] for row in found["findings"] if row["name"] == "training_mode")
    assert "came in training mode" in seen
    assert not seen.startswith("in training mode 0")
    assert not any(module.training for module in net.modules())
    assert torch.equal(net[0].running_mean, before)
    assert net[0].num_batches_tracked == 0
    again = inspect(Classifier(net, name="net"), DIGITS)
    (seen,) = (row["seen"] for row in again["findings"] if row["name"] == "training_mode")
    assert "came in training mode" not in seen


def test_memory_grows_with_what_a_net_keeps() -> None:
    def of(width: int) -> int:
        net = nn.Sequential(nn.Flatten(), nn.Linear(64, width), nn.ReLU(), nn.Linear(width, 10))
        return int(inspect(Classifier(net, name="net"), DIGITS)["cost"]["bytes_per_image"])

    # One activation before and one after the ReLU, of 4 bytes each, at the least.
    assert 1 <= (of(8192) - of(4096)) / (2 * 4096 * 4) < 2


def test_without_data_it_is_noise() -> None:
    found = inspect("torchvision:resnet18?num_classes=5", shape="3,32,32")
    assert found["data"] == "noise"
    assert "accuracy" not in found
    assert {"outputs", "gradient", "determinism", "memory"} <= set(states(found))
    assert "layers" not in found
    with pytest.raises(UsageError, match="does not say what images"):
        inspect(around(lambda net, x: net(x)))


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(InputError, match="labels go from"):
        inspect(NET, DIGITS._replace(y=DIGITS.y + 5))
