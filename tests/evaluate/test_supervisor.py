"""Worker processes that are killed, hang or fail to start: at most one unit is reported failed."""

import io
import math
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from advkit.errors import InputError
from advkit.evaluate.messages import receive_outcomes, receive_unit, send_outcomes, send_unit
from advkit.evaluate.supervisor import ATTEMPTS, Crew, supervised
from advkit.evaluate.units import Failed, Outcome, Shard, Unit

PLAIN = "tests.evaluate.plain_workers:adder"


def units(n: int, size: int = 3) -> list[Unit]:
    return [Unit("add", 0.1, list(range(i * size, i * size + size))) for i in range(n)]


def done(crew: Crew, todo: list[Unit]) -> list[Outcome]:
    with supervised(crew, frozenset(["add"])) as pool:
        return [one for outcomes in pool.run(todo) for one in outcomes]


def positions(found: list[Outcome]) -> list[int]:
    """Return the positions of all units that were done, as their rows and examples say."""
    rows = [int(name) for one in found if isinstance(one, Shard) for name in one.rows["id"]]
    kept = [int(i) for one in found if isinstance(one, Shard) for i in one.examples]
    assert rows == kept
    return sorted(rows)


def children(parent: int) -> list[int]:
    """Return the processes that ``parent`` began and that are alive."""
    found = []
    for file in Path("/proc").glob("[0-9]*/stat"):
        try:
            words = file.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(words[1]) == parent and words[0] != "Z":
            found.append(int(file.parent.name))
    return found


def test_a_killed_worker_costs_nothing_but_time(tmp_path: Path) -> None:
    recipe = {"dies_once_at": 4, "mark": str(tmp_path / "mark")}
    found = done(Crew(PLAIN, recipe, 2), units(8))
    assert (tmp_path / "mark").exists(), "no worker died"
    assert positions(found) == list(range(24))


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs /proc")
def test_workers_killed_at_ten_random_points_lose_no_unit() -> None:
    killed, over, chance = [], threading.Event(), random.Random(0)

    def kill() -> None:
        while len(killed) < 10 and not over.wait(chance.uniform(0.05, 0.5)):
            alive = children(os.getpid())
            if alive:
                killed.append(chance.choice(alive))
                os.kill(killed[-1], signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    found: list[Outcome] = []
    rounds = 0
    with supervised(Crew(PLAIN, {"takes": 0.05}, 2), frozenset(["add"])) as pool:
        while len(killed) < 10:
            found += [one for outcomes in pool.run(units(20)) for one in outcomes]
            rounds += 1
    over.set()
    killer.join()
    assert len(killed) == 10
    given_up = [one for one in found if isinstance(one, Failed)]
    assert len(given_up) <= 10 // ATTEMPTS
    every = [i for one in given_up for i in one.unit.at]
    every += positions([one for one in found if isinstance(one, Shard)])
    assert sorted(every) == sorted([*range(60)] * rounds), "done twice, or not at all"


def test_a_unit_that_kills_every_worker_is_given_up_and_the_others_are_done() -> None:
    found = done(Crew(PLAIN, {"dies_at": 7}, 2), units(6))
    (failed,) = [one for one in found if isinstance(one, Failed)]
    assert failed.unit.at == [6, 7, 8]
    assert failed.attempts == ATTEMPTS
    assert "SIGKILL" in failed.error
    assert positions(found) == [*range(6), *range(9, 18)]


def test_a_unit_that_hangs_is_given_up_in_its_time() -> None:
    began = time.monotonic()
    found = done(Crew(PLAIN, {"hangs_at": 1}, 1, seconds=0.3), units(2))
    assert time.monotonic() - began < 30
    (failed,) = [one for one in found if isinstance(one, Failed)]
    assert failed.error == "it took more than 0.3 seconds"
    assert positions(found) == [3, 4, 5]


@pytest.mark.parametrize(
    ("build", "said"),
    [
        ("tests.evaluate.plain_workers:refusing", "cannot begin: the file could run code"),
        ("tests.evaluate.plain_workers:broken", "cannot begin: ZeroDivisionError: no net"),
        ("tests.evaluate.plain_workers:nothing", "cannot begin: AttributeError"),
    ],
)
def test_a_worker_that_cannot_begin_says_why_and_is_not_tried_again(build: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        done(Crew(build, {}, 1), units(1))


def test_workers_begin_and_end_with_the_block() -> None:
    before = set(children(os.getpid()))
    with supervised(Crew(PLAIN, {}, 2), frozenset(["add"])) as pool:
        until = time.monotonic() + 30
        while len(set(children(os.getpid())) - before) < 2:
            assert time.monotonic() < until, "they wait for a unit"
            time.sleep(0.01)
        assert pool.knows("add")
        assert not pool.knows("smoothed(add)")
        list(pool.run(units(4)))
        assert len(set(children(os.getpid())) - before) == 2
    assert set(children(os.getpid())) == before


def test_a_block_may_end_before_its_workers_are_ready() -> None:
    before = set(children(os.getpid()))
    with supervised(Crew(PLAIN, {}, 2), frozenset(["add"])):
        pass
    time.sleep(0.2)  # in which one could begin yet
    assert set(children(os.getpid())) == before


def test_workers_end_with_a_run_that_is_killed(tmp_path: Path) -> None:
    code = (
        "from advkit.evaluate.supervisor import Crew, supervised\n"
        "from advkit.evaluate.units import Unit\n"
        f"with supervised(Crew({PLAIN!r}, {{'hangs_at': 0}}, 1), frozenset()) as pool:\n"
        "    list(pool.run([Unit('add', 0.1, [0])]))\n"
    )
    run = subprocess.Popen([sys.executable, "-c", code])
    worker = _only_child(run.pid)
    os.kill(run.pid, signal.SIGKILL)
    run.wait()
    until = time.monotonic() + 20
    while Path(f"/proc/{worker}").exists() and time.monotonic() < until:
        time.sleep(0.05)
    assert not Path(f"/proc/{worker}").exists()


def _only_child(parent: int) -> int:
    until = time.monotonic() + 30
    while time.monotonic() < until:
        if found := children(parent):
            time.sleep(1.5)  # until it hangs
            return found[0]
        time.sleep(0.02)
    raise AssertionError("no worker began")


def outcomes() -> Iterator[list[Outcome]]:
    rows = pd.DataFrame({"id": ["a/1", 'b"\n'], "margin": [math.nan, 0.1], "L2": [math.inf, 1 / 3],
                         "fooled": [True, False], "row": [0, -1]})  # fmt: skip
    examples = np.random.default_rng(0).random((1, 3, 2, 2), dtype=np.float32)
    yield [Shard("pgd-0.1", rows, examples, {"tried": 2, "eps": math.inf})]
    yield [Failed(Unit("pgd", 0.1, [3, 4]), "no", 3), Shard("x", rows, examples[:0], {})]
    yield []


@pytest.mark.parametrize("sent", list(outcomes()))
def test_outcomes_arrive_to_the_last_bit(sent: list[Outcome]) -> None:
    stream = io.BytesIO()
    send_outcomes(stream, sent)
    whole = stream.getvalue()
    for a, b in zip(sent, receive_outcomes(io.BytesIO(whole)), strict=True):
        if isinstance(a, Failed):
            assert a == b
            continue
        pd.testing.assert_frame_equal(a.rows, b.rows, check_exact=True)
        assert (a.name, a.cost) == (b.name, b.cost)
        np.testing.assert_array_equal(a.examples, b.examples)
    for cut in {0, 1, len(whole) // 2, len(whole) - 1}:
        if cut < len(whole):
            with pytest.raises(EOFError):
                receive_outcomes(io.BytesIO(whole[:cut]))


def test_units_arrive_to_the_last_bit() -> None:
    start = np.random.default_rng(0).random((2, 3, 2, 2), dtype=np.float32)
    for unit in (Unit("a", math.inf, [1]), Unit("b", 1 / 3, [1, 2], True, start)):
        stream = io.BytesIO()
        send_unit(stream, unit)
        found = receive_unit(io.BytesIO(stream.getvalue()))
        assert found[:4] == unit[:4]
        assert (found.start is None) == (unit.start is None)
        if unit.start is not None:
            np.testing.assert_array_equal(found.start, unit.start)


def test_nothing_that_is_pickled_is_read() -> None:
    harm = io.BytesIO()
    np.save(harm, np.array([object()]), allow_pickle=True)
    body = harm.getvalue()
    with pytest.raises(ValueError, match="allow_pickle"):
        receive_unit(io.BytesIO(f'{{"label": "a", "bytes": {len(body)}}}\n'.encode() + body))
