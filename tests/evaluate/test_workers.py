import threading

import pytest
import torch
from torch import nn

from advkit.engine import metered
from advkit.evaluate.workers import default_jobs, each, one_thread_each


@pytest.mark.parametrize("jobs", [1, 2, 5])
def test_every_item_is_done_once(jobs: int) -> None:
    assert sorted(each(lambda i: i * i, range(20), jobs)) == [i * i for i in range(20)]
    assert list(each(lambda i: i, [], jobs)) == []


def test_two_run_at_once() -> None:
    meeting = threading.Barrier(2, timeout=20)
    assert len(list(each(lambda _: meeting.wait(), range(2), 2))) == 2


@pytest.mark.parametrize("jobs", [1, 3])
def test_an_error_reaches_the_caller_and_no_more_is_begun(jobs: int) -> None:
    begun = []

    def work(i: int) -> int:
        begun.append(i)
        if i == 3:
            raise ValueError("shard 3")
        return i

    with pytest.raises(ValueError, match="shard 3"):
        list(each(work, range(1000), jobs))
    assert len(begun) < 20


def test_passes_are_counted_by_the_thread_that_makes_them() -> None:
    model = nn.Linear(3, 2)

    def work(n: int) -> tuple[int, int]:
        with metered(model) as meter:
            for _ in range(20):
                x = torch.rand(n, 3, requires_grad=True)
                model(x).sum().backward()
        return meter.forwards, meter.backwards

    assert sorted(each(work, [1, 2, 3, 4], 4)) == [(20 * n, 20 * n) for n in (1, 2, 3, 4)]


def test_the_number_of_threads_is_put_back() -> None:
    before = torch.get_num_threads()
    with one_thread_each(2):
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == before
    assert default_jobs(torch.device("cuda")) == 1
    assert default_jobs(torch.device("cpu")) >= 1
