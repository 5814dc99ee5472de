"""Bisection for the smallest eps: compared with a plain loop, and no repeated queries."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from advkit.attacks.bisection import close_in


def slow_close_in(reach: Callable[[float], float], steps: int, first: float, most: float) -> float:
    low, high = 0.0, float("inf")
    for _ in range(steps):
        if high <= 1.001 * low:
            break
        middle = min(max(2 * low, first), most) if high == float("inf") else (low + high) / 2
        at = reach(middle)
        low, high = (low, min(at, high)) if at < float("inf") else (middle, high)
        low = 0.0 if low >= high else low
    return high


def test_closing_in_is_the_plain_loop() -> None:
    truth = torch.logspace(-3, 1, 41, dtype=torch.float64)
    asked: list[int] = []

    def reach(middle: Tensor, index: Tensor, _step: int) -> Tensor:
        asked.extend(index.tolist())
        at = truth[index] + 0.3 * (middle - truth[index])
        return torch.where(middle >= truth[index], at, torch.inf)

    high = torch.full_like(truth, torch.inf)
    found = close_in(reach, high, 12, first=0.1, most=4.0)
    for t, got in zip(truth.tolist(), found.tolist(), strict=True):
        wanted = slow_close_in(lambda m, t=t: t + 0.3 * (m - t) if m >= t else torch.inf,
                               12, 0.1, 4.0)  # fmt: skip
        assert got == pytest.approx(wanted, rel=1e-12)
    assert found[truth > 4].isinf().all()
    assert (found[truth < 4] / truth[truth < 4] - 1 < 0.05).all()
    assert all(asked.count(i) == 12 for i in (truth > 4).nonzero().squeeze(1).tolist())


def test_whole_numbers_are_found_exactly_and_not_asked_for_twice() -> None:
    truth, asked = torch.arange(1.0, 40), []

    def reach(middle: Tensor, index: Tensor, _step: int) -> Tensor:
        assert torch.equal(middle, middle.round())
        asked.extend(zip(index.tolist(), middle.tolist(), strict=True))
        return torch.where(middle >= truth[index], middle, torch.inf)

    high = torch.full_like(truth, torch.inf)
    assert torch.equal(close_in(reach, high, 20, first=2.0, most=63.0, whole=True), truth)
    assert len(asked) == len(set(asked))
