import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from advkit.engine import metered
from advkit.evaluate.shards import Pair, even_size
from advkit.evaluate.workers import at_once, default_batch, default_jobs, each, one_thread_each
from advkit.models import Classifier

NET = nn.Linear(3, 2)


@pytest.mark.parametrize("jobs", [1, 2, 5])
def test_every_item_is_done_once(jobs: int) -> None:
    assert sorted(each(lambda _, i: i * i, NET, range(20), jobs)) == [i * i for i in range(20)]
    assert list(each(lambda _, i: i, NET, [], jobs)) == []


def test_two_run_at_once() -> None:
    meeting = threading.Barrier(2, timeout=20)
    assert len(list(each(lambda *_: meeting.wait(), NET, range(2), 2))) == 2


@pytest.mark.parametrize("jobs", [1, 3])
def test_an_error_reaches_the_caller_and_no_more_is_begun(jobs: int) -> None:
    begun = []

    def work(_: nn.Module, i: int) -> int:
        begun.append(i)
        if i == 3:
            raise ValueError("shard 3")
        return i

    with pytest.raises(ValueError, match="shard 3"):
        list(each(work, NET, range(1000), jobs))
    assert len(begun) < 20


def test_who_stops_does_not_wait_for_the_others() -> None:
    free = threading.Event()

    def work(_: nn.Module, i: int) -> int:
        if i:
            free.wait(30)
        return i

    running = each(work, NET, range(2), 2)
    assert next(running) == 0
    began = time.monotonic()
    running.close()
    assert time.monotonic() - began < 5
    free.set()


class Forgetful(nn.Module):
    """Keep the hidden layer on itself while it answers, as many nets of users do."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Linear(8, 64), nn.Linear(64, 4)

    def forward(self, x: Tensor) -> Tensor:
        self.hidden = self.a(x).relu()
        time.sleep(0.002)
        return self.b(self.hidden)


@pytest.mark.parametrize(
    "wrap", [nn.Identity, lambda: Pair(Classifier(nn.Linear(2, 2), name="net"), None)]
)
def test_threads_stop_at_their_next_pass_where_the_caller_stops(
    wrap: Callable[[], nn.Module],
) -> None:
    """Ctrl-C in a notebook left them at work on units that nobody waited for any more."""
    before, asking = set(threading.enumerate()), threading.Event()

    def attack(model: Any, item: int) -> int:
        net = model.model if isinstance(model, Pair) else model
        while item:
            net(torch.ones(1, 2))
            asking.set()
        assert asking.wait(10)
        return item

    found = each(attack, wrap(), [1, 0], 2)
    next(found)
    found.close()  # type: ignore[attr-defined]
    left = set(threading.enumerate()) - before
    for thread in left:
        thread.join(10)
    assert left
    assert not any(thread.is_alive() for thread in left)


def test_threads_go_on_while_the_caller_looks_at_what_is_done() -> None:
    begun, looking = [threading.Event() for _ in range(4)], threading.Event()

    def work(i: int) -> None:
        begun[i].set()
        assert i == 0 or looking.wait(30)

    found = at_once(work, range(4), jobs=1, ahead=1)
    next(found)
    looking.set()
    assert begun[2].wait(10), "the thread waits for the caller"
    assert not begun[3].wait(0.1), "more is taken than was said"
    assert len(list(found)) == 3


def test_nets_that_keep_something_on_themselves_are_not_disturbed() -> None:
    net = Forgetful().requires_grad_(False)
    batches = [torch.rand(3, 8) for _ in range(40)]
    found = dict(each(lambda model, i: (i, model(batches[i])), net, range(40), 4))
    assert all(torch.equal(found[i], net(batch)) for i, batch in enumerate(batches))


def test_copies_share_the_weights() -> None:
    seen = {p.data_ptr() for p in NET.parameters()}
    pointers = each(lambda model, _: {p.data_ptr() for p in model.parameters()}, NET, range(4), 2)
    assert all(found == seen for found in pointers)


def test_passes_are_counted_by_the_thread_that_makes_them() -> None:
    def work(model: nn.Module, n: int) -> tuple[int, int]:
        with metered(model) as meter:
            for _ in range(20):
                x = torch.rand(n, 3, requires_grad=True)
                model(x).sum().backward()
        return meter.forwards, meter.backwards

    assert sorted(each(work, NET, [1, 2, 3, 4], 4)) == [(20 * n, 20 * n) for n in (1, 2, 3, 4)]


def test_the_number_of_threads_is_put_back() -> None:
    before = torch.get_num_threads()
    with one_thread_each():
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == before
    assert default_jobs(torch.device("cuda")) == 1
    assert default_jobs(torch.device("cpu")) >= 1


@pytest.mark.parametrize(
    ("samples", "most", "jobs", "sizes"),
    [(1000, 256, 2, 250), (384, 256, 2, 192), (10, 64, 4, 3), (0, 64, 2, 1), (5, 64, 1, 5)],
)
def test_shards_are_even(samples: int, most: int, jobs: int, sizes: int) -> None:
    assert even_size(samples, most, jobs) == sizes
    assert default_batch(784) == 256
    assert default_batch(150_528) == 32
