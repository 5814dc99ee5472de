"""A race in rounds: its budget of passes, independence of samples, and the benefit of rounds."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from advkit.attacks import race_of_targets, race_schedule
from advkit.attacks.race_of_targets import race
from advkit.attacks.race_rounds import in_rounds
from advkit.data import load_data
from advkit.data.samples import take
from advkit.engine import NORMS, metered
from advkit.models import load_model
from tests.attacks.problems import distances, tanh_net

STEPS = 150  # so many that there are rounds to other classes


@pytest.fixture
def mean_distance() -> Callable[[], float]:
    net = load_model("bundled:fashion-mnist-cnn")
    x, y, *_ = take(load_data("bundled:fashion-mnist"), range(40, 88))

    def mean() -> float:
        found = distances(net, x, y, race(net, x, y, norm="L1", steps=250), "L1")
        assert found.isfinite().all()
        return float(found.mean())

    return mean


def test_rounds_come_nearer_and_those_to_other_classes_nearer_still(
    mean_distance: Callable[[], float], monkeypatch: pytest.MonkeyPatch
) -> None:
    rounds = mean_distance()
    pace = race_schedule.PACES["L1"]
    monkeypatch.setitem(race_schedule.PACES, "L1", pace._replace(rivals=0))
    same_class = mean_distance()
    monkeypatch.setattr(race_schedule, "LATEST", 250)
    monkeypatch.setattr(race_schedule, "BEGINS", 1.0)
    one_round = mean_distance()
    assert rounds < 0.995 * same_class
    assert same_class < one_round


@pytest.mark.parametrize("norm", race_schedule.PACES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_sample_finds_the_same_alone(norm: str, dtype: torch.dtype) -> None:
    model = tanh_net().to(dtype)
    x = torch.rand(7, 20, generator=torch.Generator().manual_seed(1), dtype=dtype)
    y, ids = model(x).argmax(1), list("abcdefg")
    together = race(model, x, y, norm=norm, steps=STEPS, ids=ids)
    alone = [race(model, x[[k]], y[[k]], norm=norm, steps=STEPS, ids=[ids[k]]) for k in range(7)]
    torch.testing.assert_close(together, torch.cat(alone), rtol=0, atol=1e-5)


@pytest.mark.parametrize("norm", race_schedule.PACES)
def test_targets_are_kept_and_the_distance_asked_for_is_enough(norm: str) -> None:
    model, x = tanh_net(), torch.rand(9, 20, generator=torch.Generator().manual_seed(2))
    y = model(x).argmax(1)
    targets = (y + 1) % 4
    nearest = race(model, x, y, norm=norm, steps=STEPS, targets=targets)
    reached = (nearest != x).any(1)
    assert reached.all()
    assert (model(nearest).argmax(1) == targets).all()
    size = NORMS[norm].size(nearest - x)
    eps = size[reached].median()
    near = race(model, x, y, norm=norm, steps=STEPS, targets=targets, eps=float(eps))
    moved = (near != x).any(1)
    assert moved.equal(reached & (size <= eps))
    assert (NORMS[norm].size(near - x)[moved] <= eps).all()
    assert (model(near).argmax(1) == targets)[moved].all()


@pytest.mark.parametrize("norm", race_schedule.PACES)
def test_a_misread_image_is_led_past_the_class_that_it_is_read_as(norm: str) -> None:
    model, x = tanh_net(), torch.rand(20, 20, generator=torch.Generator().manual_seed(3))
    seen = model(x).argmax(1)
    y, targets = (seen + 1) % 4, (seen + 2) % 4
    found = race(model, x, y, norm=norm, steps=100, targets=targets)
    assert (model(found).argmax(1) == targets).all()
    assert ((found >= 0) & (found <= 1)).all()


@pytest.mark.parametrize("norm", race_schedule.PACES)
def test_whatever_fools_is_within_an_infinite_limit(norm: str) -> None:
    model, x = tanh_net(), torch.rand(9, 20, generator=torch.Generator().manual_seed(2))
    y = model(x).argmax(1)
    found = race(model, x, y, eps=torch.inf, norm=norm, steps=STEPS)
    assert (model(found).argmax(1) != y).all()


@pytest.mark.parametrize("norm", race_schedule.PACES)
@pytest.mark.parametrize("short", [0.0, 1e-6])
def test_an_image_on_the_boundary_is_moved_over_it(norm: str, short: float) -> None:
    weight = torch.linspace(-1, 1, 8)

    def model(x: torch.Tensor) -> torch.Tensor:
        over = (x - 0.75) @ weight - short
        return torch.stack([torch.zeros_like(over), over], 1)

    x, y = torch.full((3, 8), 0.75), torch.zeros(3, dtype=torch.long)
    found = race(model, x, y, norm=norm, steps=60)
    assert (model(found).argmax(1) == 1).all()
    assert ((found - x).abs() < 1e-4).all()


def test_samples_that_are_near_enough_make_no_further_rounds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model, x = tanh_net(), torch.rand(9, 20, generator=torch.Generator().manual_seed(2))
    y = model(x).argmax(1)
    first: list[Tensor] = []

    def seen(*args: object) -> object:
        first.append(args[4].distance)  # type: ignore[attr-defined]
        return in_rounds(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(race_of_targets, "in_rounds", seen)
    race(model, x, y, norm="L1", steps=STEPS)
    with metered(model) as meter:
        race(model, x, y, norm="L1", steps=STEPS, eps=1.0001 * first[0])
    assert meter.backwards <= race_schedule.LATEST * len(x)


@pytest.mark.parametrize("classes", [2, 3])
def test_where_nothing_fools_the_images_come_back_and_the_passes_are_kept(classes: int) -> None:
    model = nn.Sequential(nn.Flatten(), nn.Linear(12, classes)).requires_grad_(False)
    model[1].weight.zero_()
    model[1].bias.copy_(torch.tensor([1.0, 0.0, 0.0][:classes]))
    x, y = torch.rand(4, 3, 2, 2), torch.zeros(4, dtype=torch.long)
    with metered(model) as meter:
        assert race(model, x, y, norm="L1", steps=200).equal(x)
    assert meter.forwards <= 4 * 202
    assert meter.backwards <= 4 * 200
