"""Parallel shards, one thread each: torch releases Python's lock while it computes.

One thread per shard is faster than many threads per product, as no thread waits for another; other
load on the machine slows it proportionally only.
"""

import ctypes
import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from copy import deepcopy
from itertools import chain, islice
from queue import SimpleQueue
from threading import Event
from typing import TypeVar

import torch
from torch import nn

from advkit.models.classifier import Classifier

M = TypeVar("M", bound=nn.Module)
T = TypeVar("T")
S = TypeVar("S")


def default_jobs(device: torch.device) -> int:
    """Return the number of parallel shards: the available cores, or 1 on other devices."""
    if device.type != "cpu":
        return 1
    allowed = getattr(os, "sched_getaffinity", None)
    return len(allowed(0)) if allowed else os.cpu_count() or 1


def default_batch(size: int) -> int:
    """Return the batch size for samples of ``size`` numbers: smaller for large samples."""
    return 256 if size <= 4096 else 32


def each(function: Callable[[M, S], T], model: M, items: Iterable[S], jobs: int) -> Iterator[T]:
    """Yield ``function(model, item)`` for all ``items`` as they finish, ``jobs`` in parallel.

    Each thread has a copy of ``model`` that shares its tensors, so that a net which stores state
    during a pass is not disturbed by other threads. If the caller stops, by Ctrl-C in a notebook or
    by an error, the threads stop at their next pass.
    """
    models: SimpleQueue[M] = SimpleQueue()
    stopped = Event()
    try:
        for _ in range(jobs if jobs > 1 else 0):
            models.put(_ending(_twin(model), stopped))
    except Exception:  # a net that cannot be copied is used by one thread at a time
        jobs = 1
    if jobs == 1:
        yield from (function(model, item) for item in items)
        return

    def work(item: S) -> T:
        torch.set_num_threads(1)  # applies to the calling thread only
        mine = models.get()
        try:
            return function(mine, item)
        finally:
            models.put(mine)

    try:
        yield from at_once(work, items, jobs)
    finally:
        stopped.set()


class _Stopped(BaseException):
    """Ends threads whose result is not needed; not an Exception, so that no handler catches it."""


def _ending(model: M, stopped: Event) -> M:
    """Return ``model``, of which every classifier raises once ``stopped`` is set."""

    def look(*_: object) -> None:
        if stopped.is_set():
            raise _Stopped

    parts = [part for part in model.modules() if isinstance(part, Classifier)]
    for part in parts or (model,):
        part.register_forward_pre_hook(look)
    return model


def at_once(work: Callable[[S], T], items: Iterable[S], jobs: int, ahead: int = 0) -> Iterator[T]:
    """Yield ``work(item)`` for all ``items`` as they finish, with ``jobs`` threads.

    Items are taken when a thread is free, or up to ``ahead`` items earlier, so that no thread waits
    for the consumer. Of results that finish together, errors come last.
    """
    left = iter(items)
    pool = ThreadPoolExecutor(jobs)
    running: set[Future[T]] = {pool.submit(work, item) for item in islice(left, jobs + ahead)}
    try:
        while running:
            done, running = wait(running, return_when=FIRST_COMPLETED)
            running |= {pool.submit(work, item) for item in islice(left, len(done))}
            for future in sorted(done, key=lambda future: future.exception() is not None):
                yield future.result()
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _twin(model: M) -> M:
    tensors = chain(model.parameters(), model.buffers())
    return deepcopy(model, {id(tensor): tensor for tensor in tensors})


def keep_memory() -> None:
    """Tell glibc to keep freed memory: mapping activations anew costs a tenth of each step."""
    mmap_threshold, trim_threshold = -3, -1
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):
        return  # not glibc
    mallopt(mmap_threshold, 1 << 30)
    mallopt(trim_threshold, 2**31 - 1)


@contextmanager
def one_thread_each() -> Iterator[None]:
    """Give every product one thread within the block.

    With more, sums over a long row are split, and differently for a batch of one.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
