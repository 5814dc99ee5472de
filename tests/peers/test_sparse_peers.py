"""L0 attacks compared with other libraries: same nets, images and number of passes."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

import advkit
from advkit.attacks import ATTACKS
from advkit.engine import metered
from advkit.engine.objectives import margins
from advkit.models.classifier import Classifier

ROBUST, STANDARD = "bundled:fashion-mnist-cnn-robust", "bundled:fashion-mnist-cnn"
pytestmark = pytest.mark.filterwarnings("ignore")


def problem(net: str, n: int) -> tuple[Classifier, Tensor, Tensor]:
    """Return a net and ``n`` images that it reads right."""
    model, data = advkit.load_model(net), advkit.load_data("bundled:fashion-mnist", limit=2 * n)
    right = (model(data.x).argmax(1) == data.y).nonzero().squeeze(1)[:n]
    return model, data.x[right], data.y[right]


def counts(
    model: Classifier, x: Tensor, y: Tensor, found: Tensor, targets: Tensor | None = None
) -> Tensor:
    """Return how many entries moved, infinity where the point does not fool."""
    fooled = margins(model(found), y, targets) > 0
    return torch.where(fooled, (found != x).flatten(1).sum(1), torch.inf)


def paid(model: Classifier, n: int, attack: Callable[[], Tensor]) -> tuple[Tensor, float]:
    with metered(model) as meter:
        found = attack()
    return found.detach(), (meter.forwards + meter.backwards) / n


@pytest.mark.parametrize(("net", "n"), [(ROBUST, 24), (STANDARD, 24)])
def test_sigma_zero_and_thinning_need_fewer_entries_than_adv_lib(net: str, n: int) -> None:
    peer = pytest.importorskip("adv_lib.attacks.sigma_zero", reason="adv-lib is not installed")
    model, x, y = problem(net, n)
    theirs, passes = paid(model, n, lambda: peer.sigma_zero(model, x, y, num_steps=500))
    limit = counts(model, x, y, theirs)
    for name, options in (
        ("sigma_zero", {"steps": 200, "swaps": 119}),
        ("thinning", {"steps": 40, "swaps": 39}),
    ):
        ours, cost = paid(model, n, lambda n=name, o=options: ATTACKS[n](model, x, y, **o))
        count = counts(model, x, y, ours)
        assert cost <= passes
        assert count.mean() <= 1.01 * limit.mean()
        assert count.median() <= limit.median()


def test_a_tenth_of_the_passes_will_do_for_thinning() -> None:
    peer = pytest.importorskip("adv_lib.attacks.sigma_zero", reason="adv-lib is not installed")
    model, x, y = problem(ROBUST, 40)
    theirs, passes = paid(model, 40, lambda: peer.sigma_zero(model, x, y, num_steps=500))
    options = {"walks": 1, "steps": 14, "swaps": 8}
    ours, cost = paid(model, 40, lambda: ATTACKS["thinning"](model, x, y, **options))
    assert cost <= passes / 10
    assert counts(model, x, y, ours).mean() <= counts(model, x, y, theirs).mean()


def test_the_walk_of_sigma_zero_is_that_of_adv_lib() -> None:
    peer = pytest.importorskip("adv_lib.attacks.sigma_zero", reason="adv-lib is not installed")
    model, x, y = problem(ROBUST, 6)
    walks: list[list[Tensor]] = []
    for attack in (
        lambda: peer.sigma_zero(model, x, y, num_steps=40),
        lambda: ATTACKS["sigma_zero"](model, x, y, steps=40, swaps=0),
    ):
        walks.append([])
        spy = model.register_forward_pre_hook(
            lambda _m, args: walks[-1].append(args[0].detach().clone())
        )
        attack()
        spy.remove()
    for step, (theirs, ours) in enumerate(zip(*(walk[:12] for walk in walks), strict=True)):
        same = ((theirs - ours).abs() < 1e-3).float().mean()  # rounding tips entries at a threshold
        assert same > 0.99, f"step {step}"


@pytest.mark.parametrize(("net", "n"), [(ROBUST, 64), (STANDARD, 64)])
def test_vfga_needs_no_more_entries_than_that_of_adv_lib(net: str, n: int) -> None:
    peer = pytest.importorskip("adv_lib.attacks", reason="adv-lib is not installed")
    model, x, y = problem(net, n)
    torch.manual_seed(0)
    theirs = counts(model, x, y, peer.vfga(model, x, y, targeted=False))
    ours = counts(model, x, y, ATTACKS["vfga"](model, x, y))
    assert ours.mean() <= 1.01 * theirs.mean()


def test_jsma_needs_no_more_entries_than_that_of_art() -> None:
    evasion = pytest.importorskip("art.attacks.evasion", reason="ART is not installed")
    estimators = pytest.importorskip("art.estimators.classification")
    model, x, y = problem(STANDARD, 24)
    targets = (y + 1) % 10
    net = estimators.PyTorchClassifier(
        model, torch.nn.CrossEntropyLoss(), (1, 28, 28), 10, clip_values=(0, 1)
    )
    attack = evasion.SaliencyMapMethod(
        net, theta=1.0, gamma=200 / 784, batch_size=24, verbose=False
    )
    theirs = torch.from_numpy(attack.generate(x.numpy(), np.eye(10)[targets.numpy()]))
    limit = counts(model, x, y, theirs, targets)
    count = counts(model, x, y, ATTACKS["jsma"](model, x, y, targets=targets), targets)
    assert count.median() <= 1.01 * limit.median()
    assert count.isfinite().sum() >= limit.isfinite().sum()


def test_one_pixel_fools_as_many_as_that_of_torchattacks() -> None:
    peers = pytest.importorskip("torchattacks", reason="torchattacks is not installed")
    model, x, y = problem(STANDARD, 40)
    torch.manual_seed(0)
    np.random.seed(0)
    attack = peers.OnePixel(model, pixels=1, steps=12, popsize=99)
    theirs = margins(model(attack(x, y)), y)
    ours = margins(model(ATTACKS["one_pixel"](model, x, y, eps=1, population=99, steps=12)), y)
    assert (ours > 0).sum() >= (theirs > 0).sum()
