import re
from collections.abc import Callable
from copy import deepcopy
from types import SimpleNamespace

import pytest
import torch
from torch import Tensor, nn

from advkit.errors import InputError
from advkit.evaluate.black_box_run import suite_for
from advkit.inspection.output_checks import outputs
from advkit.models import Classifier, probe
from advkit.models.black_box import BlackBox
from advkit.models.channels import square_images, wants_grey
from advkit.models.nets import build

X = torch.rand(20, 1, 28, 28, generator=torch.Generator().manual_seed(0))
Y = torch.arange(20) % 10


class Outputs(nn.Module):
    """Returns ``function`` of the input."""

    def __init__(self, function: Callable[[Tensor], object]) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Tensor) -> object:
        return self.function(x)


def classifier(function: Callable[[Tensor], object], **options: object) -> Classifier:
    return Classifier(Outputs(function), name="net", **options)


def cnn(shape: tuple[int, ...] = (1, 28, 28)) -> Classifier:
    net = build("cnn", shape=shape, n_classes=10).eval()
    return Classifier(net, name="net", shape=shape)


def test_a_model_that_fits() -> None:
    good = cnn()
    assert good.n_classes == 0
    assert probe(good, X, Y) == []
    assert good.n_classes == 10


def test_notes_of_the_classifier_come_first() -> None:
    net = build("resnet", shape=(1, 28, 28), n_classes=10)
    assert probe(Classifier(net, name="net"), X, Y)[0].startswith("the model was in training mode")


def test_wrong_channels() -> None:
    with pytest.raises(InputError, match="expects 1 channel, the data has 3") as caught:
        probe(cnn(), torch.rand(4, 3, 28, 28), Y[:4])
    assert "net" in str(caught.value)
    with pytest.raises(InputError, match="expects 3 channels, the data has 1"):
        probe(cnn((3, 28, 28)), X, Y)


def test_whether_a_model_wants_grey_is_found_by_asking() -> None:
    seen = torch.rand(2, 3, 28, 28)
    flat = Classifier(build("logistic", shape=(1, 28, 28), n_classes=10), name="net")
    assert wants_grey(cnn(), seen)
    assert wants_grey(flat, seen)
    assert not wants_grey(flat, seen[..., :20])
    assert not wants_grey(cnn((3, 28, 28)), seen)
    assert not wants_grey(cnn(), seen[:, :1])
    wide = cnn()
    wide.net.black_box = True
    assert not wants_grey(wide, seen)


def test_which_square_images_a_model_takes_is_found_by_asking() -> None:
    flat = Classifier(build("logistic", shape=(1, 28, 28), n_classes=10), name="net")
    assert square_images(cnn((3, 28, 28)), [28]) == (3, 28, 28)
    assert square_images(cnn(), [64, 32, 28]) == (1, 28, 28)
    assert square_images(flat, [28, 32]) == (1, 28, 28)
    assert square_images(classifier(lambda x: x.mean((2, 3))), [40, 8]) == (3, 40, 40)
    assert square_images(cnn((4, 28, 28)), [32]) == (4, 32, 32), "of what fits none, the likeliest"


@pytest.mark.parametrize("known", [True, False])
def test_wrong_size_names_one_that_works(known: bool) -> None:
    model = cnn((1, 32, 32))
    model.shape = (1, 32, 32) if known else None
    with pytest.raises(InputError, match="cannot take images of 1 x 28 x 28") as caught:
        probe(model, X, Y)
    assert caught.value.hint.startswith("it accepts 1 x 32 x 32; ")


def test_wrong_number_of_features() -> None:
    square = Classifier(build("logistic", shape=(64,), n_classes=10), name="net")
    with pytest.raises(InputError, match="cannot take images of 1 x 28 x 28") as caught:
        probe(square, X, Y)
    assert caught.value.hint == "it accepts 1 x 8 x 8; files of pictures are scaled by ?size=8"
    flat = Classifier(build("logistic", shape=(65,), n_classes=10), name="net")
    with pytest.raises(InputError, match="expects 65 numbers per sample where the data gives 784"):
        probe(flat, X, Y)


def test_an_error_of_the_users_own() -> None:
    def broken(x: Tensor) -> Tensor:
        raise KeyError("what")

    with pytest.raises(InputError, match=r"fails on inputs.*KeyError: 'what' \(test_probe.py:\d+"):
        probe(classifier(broken), X, Y)


@pytest.mark.parametrize(
    ("function", "told"),
    [
        (lambda x: (x, x), "a tuple of 2"),
        (lambda x: {"logits": x}, "a dict with the keys logits"),
        (lambda x: None, "a NoneType"),
        (lambda x: x, r"shape \(20, 1, 28, 28\)|shape \(16, 1, 28, 28\)"),
        (lambda x: x.flatten(1).mean(1), "one number per sample"),
        (lambda x: x.flatten(1)[:, :1], "one number per sample"),
        (lambda x: x.flatten(1)[:3], r"shape \(3, 784\) for 16 samples"),
        (lambda x: x.flatten(1)[:, :5].long(), "int64"),
    ],
)
def test_outputs_that_are_no_logits(function: Callable[[Tensor], object], told: str) -> None:
    with pytest.raises(InputError, match=told):
        probe(classifier(function), X, Y)


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_logits_that_are_not_finite(bad: float) -> None:
    def poisoned(x: Tensor) -> Tensor:
        out = x.flatten(1)[:, :10].clone()
        out[x.flatten(1)[:, 0] == 0.125] = bad
        return out

    x = X.clone()
    x[5, 0, 0, 0] = 0.125
    with pytest.raises(InputError, match="first for sample 5"):
        probe(classifier(poisoned), x, Y)


def test_the_layer_in_which_nan_begins() -> None:
    net = build("cnn", shape=(1, 28, 28), n_classes=10)
    with torch.no_grad():
        net[3].weight[0] = torch.nan
    with pytest.raises(InputError, match="first for sample 0; it starts in 3"):
        probe(Classifier(net, name="net"), X, Y)


def test_labels_out_of_range() -> None:
    with pytest.raises(InputError, match="labels go from 0 to 9, but the model net has 5 classes"):
        probe(classifier(lambda x: x.flatten(1)[:, :5] - 1), X, Y)
    with pytest.raises(InputError, match="labels go from -1"):
        probe(cnn(), X, Y - 1)


def test_class_names_that_do_not_fit() -> None:
    model = classifier(lambda x: x.flatten(1)[:, :5] - 1, classes=["a", "b"])
    with pytest.raises(InputError, match="5 outputs, but there are 2 class names: a, b"):
        probe(model, X, Y)


def test_probabilities_are_told() -> None:
    softmax = classifier(lambda x: x.flatten(1)[:, :10].softmax(1))
    assert "softmax inside" in probe(softmax, X, Y)[0]
    log_softmax = classifier(lambda x: x.flatten(1)[:, :10].log_softmax(1))
    assert "log-softmax inside" in probe(log_softmax, X, Y)[0]
    assert probe(classifier(lambda x: x.flatten(1)[:, 300:310]), X, Y) == []


def test_a_pass_that_changes_its_input() -> None:
    x = X.clone()
    with pytest.raises(InputError, match="changes the images that it is given"):
        probe(classifier(lambda x: x.mul_(0.5).flatten(1)[:, :10]), x, Y)
    assert torch.equal(x, X)


@pytest.mark.parametrize(
    ("function", "hint"),
    [
        (lambda x: x.flatten(1).mean(1) - 3, r"torch.stack\(\[-s, s\], 1\) / 2$"),
        (lambda x: x.flatten(1)[:, :1] - 3, r"^for two .* torch.cat\(\[-s, s\], 1\) / 2$"),
        (lambda x: x.flatten(1)[:, :1].sigmoid(), "leave the last sigmoid out"),
        (lambda x: x.flatten(1).argmax(1), "of which argmax was taken"),
        (lambda x: {"logits": x, "loss": 0}, r"output\['logits'\]"),
        (lambda x: SimpleNamespace(logits=x), r"output\.logits"),
        (lambda x: (x, x), r"output\[0\]"),
        (lambda x: nn.Embedding(10, 2)(x), "whole numbers, such as tokens"),
        (lambda x: x.view(4, 10), "16 samples at once"),
        (lambda x: nn.Conv2d(1, 2, 3)(x.permute(0, 3, 1, 2)), "permute no axes"),
    ],
)
def test_the_hint_says_what_to_write_in_forward(
    function: Callable[[Tensor], object], hint: str
) -> None:
    with pytest.raises(InputError) as caught:
        probe(classifier(function), X, Y)
    assert re.search(hint, caught.value.hint)


def test_one_number_per_sample_becomes_two_as_the_hint_says() -> None:
    s = X.flatten(1)[:, :1]
    pair = classifier(lambda x: torch.cat([-x.flatten(1)[:, :1], x.flatten(1)[:, :1]], 1) / 2)
    assert probe(pair, X, Y % 2) == []
    assert torch.allclose(pair(X).softmax(1)[:, 1:], s.sigmoid())


@pytest.mark.parametrize(
    ("net", "x", "told", "hint"),
    [
        (nn.Conv1d(2, 3, 5), X[:, :, :2], "samples of 2 axes, .* data has 1 x 2 x 28", "as_is"),
        (nn.Conv2d(1, 3, 5), X.flatten(1), "samples of 3 axes, .* data has 784", "height, width"),
        (nn.Conv1d(1, 3, 5), X.flatten(1), "data has no channels", r"x\[:, None\]"),
    ],
)
def test_samples_of_other_axes_are_told(net: nn.Module, x: Tensor, told: str, hint: str) -> None:
    with pytest.raises(InputError, match=told) as caught:
        probe(Classifier(net, name="net"), x, Y)
    assert re.search(hint, caught.value.hint)


def test_grey_images_without_a_channel_are_told() -> None:
    with pytest.raises(InputError, match="has no channels") as caught:
        probe(cnn(), X[:, 0], Y)
    assert "x[:, None]" in caught.value.hint


@pytest.mark.parametrize("kind", [torch.float64, torch.float16, torch.bfloat16])
def test_weights_of_another_precision_are_computed_with_in_float32(kind: torch.dtype) -> None:
    usual = cnn()
    other = deepcopy(usual)
    other.net.to(kind)
    assert probe(other, X, Y)[0].endswith("they are computed with in float32")
    assert other(X).dtype == torch.float32
    assert (other(X) - usual(X)).abs().max() < 0.02


def test_layers_without_a_size_are_refused() -> None:
    net = nn.Sequential(nn.Flatten(), nn.LazyLinear(10))
    with pytest.raises(InputError, match="have seen no input yet: LazyLinear"):
        Classifier(net, name="net")
    net(X)
    assert probe(Classifier(net, name="net"), X, Y) == []


def test_nan_in_the_data_is_no_fault_of_the_model() -> None:
    x = X.clone()
    x[3] = torch.nan
    with pytest.raises(InputError, match="NaN or infinite logits, first for sample 3"):
        probe(cnn(), x, Y)


def test_channels_last_are_told_with_the_remedy() -> None:
    net = nn.Sequential(nn.Flatten(), nn.Linear(8 * 6 * 3, 4))
    last = classifier(lambda x: net(x) if x.shape[1:] == (8, 6, 3) else x.new_zeros(3, 2) @ x)
    last.shape = (8, 6, 3)
    with pytest.raises(InputError, match="cannot take images of 3 x 8 x 6") as caught:
        probe(last, torch.rand(4, 3, 8, 6), torch.zeros(4, dtype=torch.int64))
    assert 'layout = "hwc"' in caught.value.hint


@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_a_failure_of_torchscript_is_told_by_its_last_line() -> None:
    script = torch.jit.trace(lambda x: x.reshape(3, 4) * 2, torch.rand(3, 4))
    model = classifier(script)
    with pytest.raises(InputError, match="fails on inputs of 4: RuntimeError: shape") as caught:
        probe(model, torch.rand(5, 4), torch.zeros(5, dtype=torch.int64))
    assert "Traceback" not in str(caught.value)
    assert "no fixed batch size" in caught.value.hint


def test_weights_of_float64_leave_the_types_of_the_images() -> None:
    net = nn.Linear(4, 3).double()
    model = classifier(lambda x: net(x.double()))
    assert model(torch.rand(5, 4)).dtype == torch.float32
    assert model(torch.rand(5, 4).double()).dtype == torch.float64


def test_labels_alone_are_not_taken_for_probabilities() -> None:
    box = BlackBox(lambda x: x.argmax(1), bytes(32), output="labels", n_classes=4, name="net")
    model, x = Classifier(box, name="net"), torch.rand(5, 4)
    assert probe(model, x, torch.zeros(5, dtype=torch.int64)) == [
        "the model gives labels alone: attacks see no scores"
    ]
    assert outputs("labels", model(x)).state == "not applicable"
    suites = {norm: suite_for(model, "quick", norm).nearest for norm in ("Linf", "L2", "L1")}
    assert suites == {"Linf": ("hopskipjump:queries=500",), "L2": ("hopskipjump:queries=500",),
                      "L1": ("pointwise:queries=500",)}  # fmt: skip


def test_a_function_may_answer_a_tensor_and_what_is_no_array_is_told() -> None:
    weights = torch.eye(4, requires_grad=True)
    good = BlackBox(lambda x: torch.from_numpy(x) @ weights, bytes(32), name="net")
    x = torch.rand(5, 4)
    assert torch.equal(good(x), x)
    bad = BlackBox(lambda _x: [[1.0], [1.0, 2.0]], bytes(32), name="net")
    with pytest.raises(InputError, match="net answers a list that is no array"):
        bad(x)
