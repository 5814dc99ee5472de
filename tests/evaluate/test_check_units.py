"""Checks in other processes or threads: the same outcomes, with the same number of passes."""

from collections.abc import Iterable, Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from advkit.engine import Meter, metered
from advkit.evaluate.check_units import TRIALS, Trial, measured
from advkit.evaluate.shards import FailedUnitsError
from advkit.evaluate.stage_context import Work
from advkit.evaluate.store import open_store
from advkit.evaluate.supervisor import Crew
from advkit.evaluate.units import Failed, Outcome, Pool, Unit
from tests.evaluate.small import RECIPE, classifier, run, some_digits, table

GIVEN: dict[str, Any] = {
    "bounds": "off",
    "batch_size": 32,
    "attacks": ("fgsm",),
    "eps": (0.02, 0.1),
}


def outcomes(summary: dict[str, Any]) -> dict[str, Any]:
    """Return the trust panel without how long it took."""
    return {name: value for name, value in summary["trust"].items() if name != "seconds"}


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    out = tmp_path_factory.mktemp("alone") / "run"
    return out, run(out, **GIVEN)


def test_two_processes_check_as_one_does_though_a_worker_is_killed_at_it(
    tmp_path: Path, alone: tuple[Path, dict[str, Any]]
) -> None:
    mark = tmp_path / "mark"
    recipe = {**RECIPE, "killed_at": str(mark), "killed_in": "check/"}
    crew = Crew("tests.evaluate.small:worker", recipe, 2)
    two = run(tmp_path / "run", crew=crew, **GIVEN)
    assert mark.exists(), "no worker was killed in a check"
    assert outcomes(two) == outcomes(alone[1])
    pd.testing.assert_frame_equal(table(tmp_path / "run"), table(alone[0]), check_exact=True)


def test_threads_check_as_one_does(tmp_path: Path, alone: tuple[Path, dict[str, Any]]) -> None:
    assert outcomes(run(tmp_path / "run", jobs=2, **GIVEN)) == outcomes(alone[1])


def test_margins_come_in_the_order_of_their_samples_whatever_the_units(tmp_path: Path) -> None:
    at = np.array([40, 3, 17, 8, 25])
    trials = [Trial(f"{name}:3", 0.1, at) for name in TRIALS]
    with open_store(tmp_path) as store:
        work = Work(classifier(), some_digits(), "Linf", 0, 5, 1, store, lambda *_: None)
        whole, parts = Meter(), Meter()
        together = measured(work, "checks", trials, {}, whole)
        single = measured(work._replace(batch_size=1, jobs=2), "checks", trials, {}, parts)
        alone = measured(work, "checks", [trial._replace(at=at[3:4]) for trial in trials], {},
                         Meter())  # fmt: skip
    assert whole == parts
    for one, other, fourth in zip(together, single, alone, strict=True):
        assert len(one) == 5
        assert one.equal(other)
        assert one[3:4].equal(fourth)


def test_samples_may_have_an_eps_each(tmp_path: Path) -> None:
    at, eps = np.array([40, 3, 17, 8]), np.array([0.02, 0.1, 0.02, 0.1])
    with open_store(tmp_path) as store:
        work = Work(classifier(), some_digits(), "Linf", 0, 5, 1, store, lambda *_: None)
        (each,) = measured(work, "checks", [Trial("check/pgd:3", eps, at)], {}, Meter())
        both = [Trial("check/pgd:3", value, at) for value in (0.02, 0.1)]
        small, large = measured(work, "checks", both, {}, Meter())
    assert each.equal(torch.where(torch.tensor(eps) == 0.1, large, small))
    assert not small.equal(large)


def test_samples_of_several_eps_are_attacked_in_one_batch() -> None:
    trial = Trial("check/pgd:3", np.array([0.02, 0.1, 0.02]), np.array([40, 3, 17]))
    (unit,) = trial.units(3)
    assert (unit.at, unit.each, unit.eps) == ([40, 3, 17], [0.02, 0.1, 0.02], 0.1)
    assert [(part.at, part.each) for part in trial.units(2)] == [
        ([40, 3], [0.02, 0.1]),
        ([17], [0.02]),
    ]


def test_attacks_follow_the_faster_copy_and_the_model_judges(tmp_path: Path) -> None:
    model, trials = classifier(), [Trial("check/pgd:3", 0.1, np.arange(8))]
    copy = deepcopy(model)
    with open_store(tmp_path) as store:
        work = Work(model, some_digits(), "Linf", 0, 8, 1, store, lambda *_: None)
        (alone,) = measured(work, "checks", trials, {}, Meter())
        with metered(model) as judged, metered(copy) as followed:
            (quick,) = measured(work._replace(copy=copy), "checks", trials, {}, Meter())
    assert quick.equal(alone)
    assert (judged.forwards, judged.backwards) == (8, 0)
    assert followed.backwards > 0


def test_a_check_that_is_given_up_is_named_and_no_number_told(tmp_path: Path) -> None:
    def fail(units: Iterable[Unit]) -> Iterator[list[Outcome]]:
        for unit in units:
            yield [Failed(unit, "its worker was lost", 3)]

    with open_store(tmp_path) as store:
        work = Work(classifier(), some_digits(), "Linf", 0, 8, 1, store, lambda *_: None,
                    pool=Pool(fail, lambda _label: True, 1))  # fmt: skip
        trials = [Trial("check/fgsm:1", 0.1, np.arange(4))]
        with pytest.raises(FailedUnitsError, match="check/fgsm:1 failed: its worker was lost"):
            measured(work, "checks", trials, {}, Meter())
