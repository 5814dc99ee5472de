"""Shards of work on several cores, a thread each: torch leaves Python's lock while it works.

One thread per shard beats many threads per product: nothing waits for anything, and a machine
that has other things to do slows it by no more than its share.
"""

import ctypes
import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from contextlib import contextmanager
from itertools import islice
from typing import TypeVar

import torch

T = TypeVar("T")
S = TypeVar("S")


def default_jobs(device: torch.device) -> int:
    """Return how many shards to work on at once: the cores that we may use, or 1 off the CPU."""
    return len(os.sched_getaffinity(0)) if device.type == "cpu" else 1


def each(function: Callable[[S], T], items: Iterable[S], jobs: int) -> Iterator[T]:
    """Yield ``function(item)`` for all ``items`` as they are done, ``jobs`` at a time."""
    if jobs == 1:
        yield from map(function, items)
        return
    left = iter(items)
    with ThreadPoolExecutor(jobs, initializer=torch.set_num_threads, initargs=(1,)) as pool:
        running = {pool.submit(function, item) for item in islice(left, jobs)}
        try:
            while running:
                done, running = wait(running, return_when=FIRST_COMPLETED)
                running |= {pool.submit(function, item) for item in islice(left, len(done))}
                for future in done:
                    yield future.result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def keep_memory() -> None:
    """Ask glibc to keep freed memory: activations that are mapped anew each step cost a tenth."""
    mmap_threshold, trim_threshold = -3, -1
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError):
        return  # not glibc
    mallopt(mmap_threshold, 1 << 30)
    mallopt(trim_threshold, 2**31 - 1)


@contextmanager
def one_thread_each(jobs: int) -> Iterator[None]:
    """Give every product one thread within the block, if ``jobs`` shards run at once."""
    before = torch.get_num_threads()
    if jobs > 1:
        torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
