"""If longer attacks fool surviving images, the next larger suite runs too."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from advkit.attacks.race_of_targets import race
from advkit.engine import NORMS
from advkit.evaluate.check_units import TRIALS
from advkit.evaluate.stage_context import Work
from advkit.evaluate.store import open_store
from advkit.evaluate.subject import subject_at
from advkit.evaluate.suites import SUITES
from tests.evaluate.small import classifier, run, some_digits, table

FIRST, ABOVE = "race:steps=2", "race:steps=200"
GIVEN: dict[str, Any] = {
    "attacks": None, "suite": "quick", "norm": "L2", "eps": (0.3, 0.6), "bounds": "off",
}  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def _hardly_an_attack() -> Iterator[None]:
    """So that the suite leaves a lot, and the one above little."""
    with pytest.MonkeyPatch.context() as patch:
        for name, label in (("quick", FIRST), ("standard", ABOVE)):
            suite = SUITES[name]["L2"]._replace(nearest=(label,), hunters=(), closers=())
            patch.setitem(SUITES[name], "L2", suite)
        yield


@pytest.fixture(scope="module")
def done(
    tmp_path_factory: pytest.TempPathFactory, _hardly_an_attack: None
) -> tuple[Path, dict[str, Any]]:
    out = tmp_path_factory.mktemp("early") / "run"
    return out, run(out, **GIVEN)


def test_the_suite_above_runs_on_all_and_it_is_told(
    done: tuple[Path, dict[str, Any]],
) -> None:
    out, summary = done
    with open_store(out) as store:
        before, after = store.fact("after"), store.fact("after more")
        rows = store.frame("results")
    (check,) = (each for each in summary["trust"]["checks"] if each["name"] == "more_steps_help")
    assert check["state"] == "pass"
    assert "So the suite standard ran as well." in check["evidence"]
    assert summary["trust"]["overall"] == "ok"
    assert summary["trust"]["forwards"] >= before["forwards"] + after["forwards"]
    above = rows[rows["attack"] == ABOVE]
    assert len(above) == summary["clean"]["count"] > 60
    assert ABOVE in [row["attack"] for row in summary["attacks"]]


def test_what_they_find_is_what_the_attack_finds_from_the_image(
    done: tuple[Path, dict[str, Any]],
) -> None:
    samples = some_digits()
    with open_store(done[0]) as store:
        rows = store.frame("results")
    above = rows[rows["attack"] == ABOVE].set_index("id")
    at = [samples.ids.index(name) for name in above.index]
    x, y = samples.x[at], samples.y[at]
    x_adv = race(classifier(), x, y, norm="L2", steps=200, ids=list(above.index))
    np.testing.assert_allclose(NORMS["L2"].size(x_adv - x).numpy(), above["L2"], atol=1e-5)


def test_going_on_and_other_batches_change_nothing(
    done: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    again = run(done[0], **GIVEN)
    assert again["trust"] == done[1]["trust"]
    run(tmp_path / "run", batch_size=7, **GIVEN)
    pd.testing.assert_frame_equal(table(tmp_path / "run"), table(done[0]), atol=1e-5)


@pytest.mark.parametrize("norm", ["Linf", "L2", "L1"])
def test_longer_attacks_reach_what_each_of_them_does(tmp_path: Path, norm: str) -> None:
    radius = {"Linf": 0.1, "L2": 0.6, "L1": 1.5}[norm]
    with open_store(tmp_path) as store:
        work = Work(classifier(), some_digits(), norm, 0, 32, 1, store, lambda *_: None)
        subject = subject_at(work, range(20), [radius])
    reached = TRIALS["check/longer"](subject, 10)
    x_adv = race(classifier(), subject.x, subject.y, eps=radius, norm=norm, steps=20, seed=1,
                 ids=subject.ids)  # fmt: skip
    by_race = subject.margins(x_adv)
    assert reached.shape == (20,)
    if norm != "Linf":
        assert (reached >= by_race).all()
    assert torch.isfinite(reached).all()
