import math

import pytest

from advkit.benchmarks.scale import Case, cases, exponent, measured, told
from advkit.benchmarks.scale import table as scale_table


def test_a_case_is_an_audit_of_its_size() -> None:
    one = measured(Case(samples=12, size=8, classes=5, eps=2))
    two = measured(Case(samples=24, size=8, classes=5, eps=2))
    assert one["passes"] > 12 * 2 * 2
    assert one["passes"] < two["passes"]
    assert one["seconds"] > 0
    assert one["peak_mb"] > 50
    assert one["disk_mb"] > 0


def test_the_power_of_growth_is_that_of_the_time() -> None:
    sizes = [100, 200, 400]
    assert exponent(sizes, [1.0, 2.0, 4.0]) == pytest.approx(1)
    assert exponent(sizes, [1.0, 4.0, 16.0]) == pytest.approx(2)
    assert exponent(sizes, [3.0, 3.0, 3.0]) == pytest.approx(0)
    assert math.isnan(exponent([1], [1.0]))


def test_one_thing_grows_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    from argparse import Namespace

    asked = Namespace(base=10, samples=[10, 20], size=[8], classes=[5], eps=[1], jobs=[1, 2],
                      repeats=1)  # fmt: skip
    found = list(cases(asked))
    assert [case.samples for name, case in found if name == "samples"] == [10, 20]
    assert {case.samples for name, case in found if name != "samples"} == {10}
    monkeypatch.setattr(
        "advkit.benchmarks.scale.elsewhere",
        lambda case: {
            **case._asdict(),
            "seconds": case.samples / case.jobs,
            "passes": case.samples,
        },
    )
    text = told(scale_table(asked))
    assert "samples: time grows with the power 1.00" in text
    assert "2 workers: 2.00 times one (wanted: 1.7)" in text


def test_two_workers_do_the_work_of_one() -> None:
    small = Case(samples=24, size=8, classes=5)
    assert measured(small._replace(jobs=2))["passes"] == measured(small)["passes"]
