"""Models with planted gradient masking: each is detected, and the result is as without it."""

from functools import cache

import pytest
import torch
from torch import nn

from advkit.attacks.projected_gradient import pgd
from advkit.benchmarks.masked_gradients import DEFECTS, WinnersTakeAll
from advkit.benchmarks.planted_defects import by_hand, by_pgd, left_by, verdicts
from advkit.data.samples import Samples
from advkit.data.specs import load_data

EPS = (0.1, 0.2)
SLOW = (
    "JPEG preprocessing", "dropout left on", "noise at inference", "quantisation and a softmax",
)  # fmt: skip
ON_DIGITS = [name for name in DEFECTS if name != "k winners take all"]


@cache
def digits(limit: int | None = 100) -> Samples:
    return load_data("bundled:digits", limit=limit)


def trained(*layers: nn.Module) -> nn.Module:
    """Return a net of these layers, trained against PGD for some seconds."""
    every, net = digits(None), nn.Sequential(*layers)
    optimiser = torch.optim.Adam(net.parameters(), 0.005)
    for _ in range(200):
        x = pgd(net, every.x, every.y, eps=0.15, norm="Linf", steps=3, step=0.5)
        optimiser.zero_grad()
        nn.functional.cross_entropy(net(x), every.y).backward()
        optimiser.step()
    return net.requires_grad_(False)


@cache
def robust_net() -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return trained(nn.Flatten(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))


@cache
def net_of_winners() -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return trained(
            nn.Flatten(), nn.Linear(64, 128), WinnersTakeAll(0.1), nn.Linear(128, 128),
            WinnersTakeAll(0.1), nn.Linear(128, 10),
        )  # fmt: skip


def test_the_honest_net_raises_no_flag() -> None:
    robust, failed = verdicts(robust_net(), digits(), EPS)
    assert not failed
    assert robust[0] > 0.9


@pytest.mark.parametrize("name", ON_DIGITS)
def test_a_planted_defect_is_caught_and_the_verdict_repaired(name: str) -> None:
    masked, check = DEFECTS[name].mask(robust_net()), DEFECTS[name].check
    some = digits(50 if name in SLOW else 100)
    robust, failed = verdicts(masked, some, EPS)
    assert check in failed
    unmasked = by_hand(DEFECTS[name], robust_net(), some, EPS)
    for repaired, true in zip(robust, unmasked, strict=True):
        assert round(repaired - true, 6) <= 0.02
    assert by_pgd(masked, some, EPS)[-1] > unmasked[-1] + 0.2


def test_k_winners_are_caught_by_scores_and_attacked_by_them() -> None:
    net, few, eps = net_of_winners(), digits(30), (0.15,)
    (robust,), failed = verdicts(net, few, eps)
    assert {"better_gradient", "black_box_wins"} & set(failed)
    assert by_pgd(net, few, eps)[0] > robust + 0.5
    (scores,) = left_by("square", net, few, eps, queries=4000)
    assert round((robust - scores) * len(few.x)) <= 1, "more than an image"
