"""The remaining work, predicted after a twentieth of it, is right within 30%, in passes."""

from itertools import count
from pathlib import Path
from typing import Any

import pytest

from advkit.data.specs import load_data
from advkit.evaluate import estimate
from advkit.evaluate.store import open_store
from advkit.models.specs import load_model
from tests.evaluate.small import run, some_digits


@pytest.mark.parametrize(("norm", "eps"), [("Linf", (0.03, 0.06)), ("L2", (0.2, 0.4))])
def test_the_estimate_is_right_within_a_third(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, norm: str, eps: tuple[float, ...]
) -> None:
    asked: list[Any] = []
    told: list[tuple[float, float]] = []
    looks = count()

    def remember(*about: Any) -> None:
        asked[:] = about

    def progress(_what: str, _done: int, _total: int) -> None:
        if asked and next(looks) % 5 == 0 and not asked[0].store.fact("after"):
            costs, left = asked[0].store.frame("costs"), estimate.passes_left(*asked)
            assert left is not None
            told.append((float((costs["forwards"] + costs["backwards"]).sum()), left))

    monkeypatch.setattr("advkit.evaluate.audit.seconds_left", remember)
    run(tmp_path, samples=some_digits(120), norm=norm, eps=eps, suite="quick", attacks=(),
        batch_size=4, progress=progress, bounds="off", fold=False)  # fmt: skip
    with open_store(tmp_path) as store:
        costs, after = store.frame("costs"), store.fact("after")
        total = float((costs["forwards"] + costs["backwards"]).sum())
    total += after["forwards"] + after["backwards"]
    late = [(done + left) / total for done, left in told if done >= 0.05 * total]
    assert len(late) > 8
    assert told[0][0] < 0.05 * total, "the first look is too late to tell"
    assert min(late) > 0.7
    assert max(late) < 1.3


def test_without_a_pass_nothing_is_told_in_seconds(tmp_path: Path) -> None:
    from advkit.evaluate.stage_context import Work, judge_clean
    from advkit.evaluate.suite import plan_of
    from advkit.evaluate.suites import QUICK, SUITES

    model, samples = load_model("bundled:digits-cnn"), load_data("bundled:digits", limit=16)
    plan = plan_of(SUITES["quick"]["Linf"], "Linf")
    with open_store(tmp_path) as store:
        work = Work(model, samples, "Linf", 0, 16, 1, store, lambda *_: None)
        judge_clean(work)
        assert estimate.seconds_left(work, plan, [0.1], QUICK) is None


def test_the_judge_of_a_random_model_counts(tmp_path: Path) -> None:
    from advkit.evaluate.randomised import ASKED, Settled
    from advkit.evaluate.stage_context import Work, judge_clean
    from advkit.evaluate.suite import plan_of
    from advkit.evaluate.suites import QUICK, SUITES

    model, samples = load_model("bundled:digits-cnn"), load_data("bundled:digits", limit=16)
    plan = plan_of(SUITES["quick"]["Linf"], "Linf")
    with open_store(tmp_path) as store:
        once = Work(model, samples, "Linf", 0, 16, 1, store, lambda *_: None)
        judge_clean(once)
        often = once._replace(judge=Settled(model, ASKED))
        assert estimate.judge_cost(once, plan, [0.1]) == 0
        judged = estimate.judge_cost(often, plan, [0.1])
        assert judged >= ASKED * 16, "the first attacks are run on all"
        left = [
            estimate.passes_left(work, plan, [0.1], QUICK)
            - estimate.checks_cost(work, [0.1], QUICK, standing=estimate.ASSUMED)
            for work in (once, often)
        ]
        assert left[1] - left[0] == judged
