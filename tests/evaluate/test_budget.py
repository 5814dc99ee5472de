"""The predicted cost of a suite compared with its actual cost."""

from pathlib import Path

import numpy as np
import pytest

from advkit.evaluate.budget import Budget, Speed, budget, forecast, seconds_of, speed
from advkit.evaluate.suite import plan_of
from advkit.evaluate.suites import SUITES, suite_of
from advkit.models.black_box import BlackBox
from advkit.models.classifier import Classifier
from tests.evaluate.small import run, some_digits


@pytest.mark.parametrize("norm", ["Linf", "L2", "L1"])
def test_tiers_rise_in_cost_in_every_norm(norm: str) -> None:
    found = [budget(plan_of(SUITES[tier][norm], norm), 3, 10) for tier in SUITES]
    assert all(found)
    assert found == sorted(found)
    assert len({each.usual for each in found if each}) == 3


@pytest.mark.parametrize("suite", ["quick", "standard"])
def test_no_image_costs_more_than_was_said(tmp_path: Path, suite: str) -> None:
    heard: list[str] = []
    summary = run(tmp_path / suite, attacks=(), suite=suite, announce=heard.append)
    attacks = [row for row in summary["attacks"] if row["attack"] != "line_search"]
    spent = sum((row["forwards"] + row["backwards"]) * row["tried"] for row in attacks)
    plan = plan_of(SUITES[suite]["Linf"], "Linf")
    foreseen = budget(plan, len(summary["robust"]), 10)
    assert foreseen
    assert 0.2 * foreseen.usual < spent / summary["clean"]["n"] < foreseen.most
    assert heard[0].startswith(f"suite {suite}: usually {foreseen.usual:,} passes per image")


def test_a_black_box_is_asked_about_a_few_images_once() -> None:
    asked: list[int] = []

    def answer(x: np.ndarray) -> np.ndarray:
        asked.append(len(x))
        return np.zeros((len(x), 10))

    box = Classifier(BlackBox(answer, bytes(32)), name="box")
    assert speed(box, some_digits(), 64).seconds > 0
    assert asked == [16]


def test_an_attack_that_says_nothing_of_its_cost_makes_no_forecast(tmp_path: Path) -> None:
    plan = plan_of(suite_of(["tests.evaluate.small:outside"]), "Linf")
    assert budget(plan, 1, 10) is None
    heard: list[str] = []
    run(tmp_path / "run", attacks=("tests.evaluate.small:outside",), announce=heard.append)
    assert heard == []


def test_times_are_said_as_people_say_them() -> None:
    plan = plan_of(suite_of(["fgsm"]), "Linf")
    found = budget(plan, 1, 10)
    assert found
    assert "about a second" in forecast(found, 1, 1e-6)
    assert "for 1,000 images about 5 minutes" in forecast(found, 1000, 300)
    assert "about 4.2 hours" in forecast(found, 100_000, 15_000)


def test_threads_do_not_help_with_what_python_does_alone() -> None:
    found = Budget(most=100, usual=10)
    assert seconds_of(found, 1000, Speed(0.01), 4) == pytest.approx(25)
    assert seconds_of(found, 1000, Speed(0.01, alone=0.5), 4) == pytest.approx(50)
    assert seconds_of(found, 1000, Speed(0.01, alone=0.5), 1, checks=500) == pytest.approx(105)
