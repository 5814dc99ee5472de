"""A race in L1 in turns: it keeps to its passes, its samples to themselves, and it pays."""

import pytest
import torch
from torch import nn

from advkit.attacks import race_of_targets
from advkit.attacks.race_course import LONG
from advkit.attacks.race_of_targets import race
from advkit.data import Samples, load_data
from advkit.data.samples import take
from advkit.engine import NORMS, metered
from advkit.models import Classifier, load_model
from tests.attacks.problems import distances, tanh_net


@pytest.fixture(scope="module")
def net() -> Classifier:
    return load_model("bundled:fashion-mnist-cnn")


@pytest.fixture(scope="module")
def images() -> Samples:
    return take(load_data("bundled:fashion-mnist"), range(40, 64))


def test_turns_come_nearer_than_walks_alone_for_no_more_passes(
    net: Classifier, images: Samples, monkeypatch: pytest.MonkeyPatch
) -> None:
    x, y = images.x, images.y
    with metered(net) as paid:
        turns = distances(net, x, y, race(net, x, y, norm="L1", steps=349), "L1")
    monkeypatch.setattr(race_of_targets, "LONG", 10**9)
    with metered(net) as before:
        alone = distances(net, x, y, race(net, x, y, norm="L1", steps=349), "L1")
    assert turns.isfinite().all()
    assert turns.mean() < 0.99 * alone.mean()
    assert paid.forwards <= before.forwards
    assert paid.backwards < before.backwards


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_sample_finds_the_same_alone(dtype: torch.dtype) -> None:
    model = tanh_net().to(dtype)
    x = torch.rand(7, 20, generator=torch.Generator().manual_seed(1), dtype=dtype)
    y, ids = model(x).argmax(1), list("abcdefg")
    together = race(model, x, y, norm="L1", steps=LONG, ids=ids)
    alone = [race(model, x[[k]], y[[k]], norm="L1", steps=LONG, ids=[ids[k]]) for k in range(7)]
    torch.testing.assert_close(together, torch.cat(alone), rtol=0, atol=1e-5)


def test_targets_are_kept_and_the_distance_asked_for_is_enough() -> None:
    model, x = tanh_net(), torch.rand(9, 20, generator=torch.Generator().manual_seed(2))
    y = model(x).argmax(1)
    targets = (y + 1) % 4
    nearest = race(model, x, y, norm="L1", steps=LONG, targets=targets)
    reached = (nearest != x).any(1)
    assert reached.any()
    assert (model(nearest).argmax(1) == targets)[reached].all()
    size = NORMS["L1"].size(nearest - x)
    eps = size[reached].median()
    near = race(model, x, y, norm="L1", steps=LONG, targets=targets, eps=float(eps))
    moved = (near != x).any(1)
    assert moved.equal(reached & (size <= eps))
    assert (NORMS["L1"].size(near - x)[moved] <= eps).all()
    assert (model(near).argmax(1) == targets)[moved].all()


def test_where_nothing_fools_the_images_come_back_and_the_passes_are_kept() -> None:
    model = nn.Sequential(nn.Flatten(), nn.Linear(12, 3)).requires_grad_(False)
    model[1].weight.zero_()
    model[1].bias.copy_(torch.tensor([1.0, 0.0, 0.0]))
    x, y = torch.rand(4, 3, 2, 2), torch.zeros(4, dtype=torch.long)
    with metered(model) as meter:
        assert race(model, x, y, norm="L1", steps=200).equal(x)
    assert meter.forwards <= 4 * 202
    assert meter.backwards <= 4 * 200
