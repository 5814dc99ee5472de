"""The cost benchmark does the same work with and without each optimisation."""

from collections.abc import Callable

import pytest
import torch
from torch import nn

from advkit.benchmarks import cost
from advkit.benchmarks.cost import Case, everything, habits, passes, ratio
from advkit.engine import metered


def small() -> Case:
    torch.manual_seed(0)
    net = nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 36, 10)
    )
    return Case(net, torch.rand(64, 1, 8, 8))


def test_every_habit_is_there_and_runs_with_and_without() -> None:
    found = habits(small())
    assert {"batch norms folded", "bfloat16", "channels_last", "fooled images leave"} <= set(found)
    assert {"batches of 64, not 16", "batches of 64, not 128"} <= set(found)
    for without, kept in found.values():
        without(), kept()


def test_batches_split_the_same_images() -> None:
    net, x = small()
    for work in (passes(net, x, 16), passes(net, x), everything(net, x)):
        with metered(net) as meter:
            work()
        assert (meter.forwards, meter.backwards) == (64, 64)


def test_a_ratio_is_the_median_of_work_done_in_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, turns = [0.0], []

    def work(name: str, seconds: list[float]) -> Callable[[], None]:
        def once() -> None:
            turns.append(name)
            clock[0] += seconds.pop(0)

        return once

    monkeypatch.setattr(cost, "process_time", lambda: clock[0])
    slow, quick = work("slow", [9, 3, 4, 80]), work("quick", [9, 1, 2, 2])
    assert ratio(slow, quick, 3) == 3.0
    assert turns == ["slow", "quick"] * 4
