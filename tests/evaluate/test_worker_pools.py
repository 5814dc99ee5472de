"""Which pool processes the units, this process or others, depending on the request."""

from typing import Any

import pytest
import torch

from advkit.errors import UsageError
from advkit.evaluate.worker_pools import check_crew, crew_of
from tests.evaluate.small import classifier

CPU = torch.device("cpu")


def crew(model: Any = "bundled:x", **asked: Any) -> Any:
    given = {"jobs": None, "seconds": None, "ray": None, **asked}
    return crew_of(classifier(), "a:b", {"load": {"model": model, "data": None}}, CPU, **given)


def check(model: Any = "bundled:x", **asked: Any) -> None:
    given = {"jobs": None, "seconds": None, "ray": None, **asked}
    check_crew({"model": model, "data": None}, **given)


def test_without_a_wish_this_process_does_all() -> None:
    assert crew() is None
    assert crew(jobs=1) is None
    assert crew(classifier(), jobs=4) is None  # threads: a model in memory has no spec


def test_several_jobs_a_limit_of_time_or_a_cluster_ask_for_workers() -> None:
    assert crew(jobs=3).jobs == 3
    assert crew(seconds=5.0).jobs is None
    assert crew(jobs=1, seconds=5.0).jobs == 1
    assert crew(ray="auto").ray == "auto"
    assert crew(ray="auto").recipe["load"]["device"] == "cpu"


@pytest.mark.parametrize("asked", [{"seconds": 1.0}, {"ray": "auto"}])
def test_workers_need_specs(asked: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="load the model and the data themselves"):
        check(classifier(), **asked)


def test_far_more_workers_than_cores_are_refused_but_on_a_cluster() -> None:
    with pytest.raises(UsageError, match="more than 4 for each core"):
        check(jobs=10_000)
    check(jobs=10_000, ray="auto")
