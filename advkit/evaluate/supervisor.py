"""Worker processes on this machine that pull units. A killed or hanging worker costs one unit.

The standard process pool is not used: one killed worker ends it, with all units.
"""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from queue import SimpleQueue
from typing import Any, BinaryIO, NamedTuple, cast

import torch

from advkit.errors import AdvkitError, InputError, ResourceError
from advkit.evaluate.messages import receive, receive_outcomes, send, send_unit
from advkit.evaluate.units import Failed, Outcome, Pool, Unit
from advkit.evaluate.workers import at_once, default_jobs

ATTEMPTS = 3
"""Attempts at a unit whose worker does not survive."""
STARTS = 10
"""Attempts to start a worker."""
START = "import sys; from advkit.evaluate.worker import serve; serve(int(sys.argv[1]))"


class Crew(NamedTuple):
    """How a run does its units in other processes.

    ``build`` (package.module:function) returns the function that does units, given ``recipe``:
    plain values that are sent to every worker. ``jobs`` units run in parallel, as many as there is
    room for if None. ``seconds`` is the time limit of a unit, if not None. ``ray`` is the address
    of a cluster.
    """

    build: str
    recipe: Mapping[str, Any]
    jobs: int | None
    seconds: float | None = None
    ray: str | None = None


@contextmanager
def supervised(crew: Crew, knows: frozenset[str]) -> Iterator[Pool]:
    """Yield a pool of ``crew.jobs`` processes (None: one per core) for attacks of these labels.

    They start with the block, to be ready when the attacks begin, and end with it.
    """
    jobs = crew.jobs or default_jobs(torch.device("cpu"))
    workers = [Worker(crew) for _ in range(jobs)]
    idle: SimpleQueue[Worker] = SimpleQueue()

    def arrive(worker: Worker) -> None:
        with suppress(AdvkitError):  # raised again for its first unit
            worker.ready()
        idle.put(worker)

    for worker in workers:
        threading.Thread(target=arrive, args=[worker], daemon=True).start()

    def do(unit: Unit) -> list[Outcome]:
        worker = idle.get()
        try:
            return persistently(worker, unit)
        finally:
            idle.put(worker)

    def run(units: Iterable[Unit]) -> Iterator[list[Outcome]]:
        return at_once(do, units, jobs, ahead=jobs)

    try:
        yield Pool(run, lambda label: label in knows, jobs)
    finally:
        for worker in workers:
            worker.close()


def persistently(worker: "Worker", unit: Unit) -> list[Outcome]:
    """Return the outcomes of ``unit``, or a failure after several lost workers.

    Raises ResourceError if no worker starts at all.
    """
    why = ""
    for _ in range(ATTEMPTS):
        worker.ready()
        try:
            return worker.ask(unit)
        except EOFError:
            why = worker.end()
    return [Failed(unit, why, ATTEMPTS)]


class Line(NamedTuple):
    """A process, and the pipes to it and from it."""

    process: subprocess.Popen[bytes]
    asked: BinaryIO
    told: BinaryIO


class Worker:
    """One worker process, restarted whenever it is lost, until closed."""

    def __init__(self, crew: Crew) -> None:
        self._crew = crew
        self._line: Line | None = None
        self._slow = self._closed = False
        self._lock = threading.Lock()

    def ready(self) -> None:
        """Start the process if needed; raises InputError, ResourceError if it does not start."""
        for _ in range(STARTS):
            try:
                if self._line is None:
                    self._begun()
                return
            except EOFError:
                why = self.end()
        raise ResourceError(f"no worker process starts: {why}", "give fewer: --jobs 1 needs none")

    def ask(self, unit: Unit) -> list[Outcome]:
        """Have a unit done; raises EOFError if the process is lost or exceeds its time limit."""
        line = self._line
        if line is None:
            raise EOFError
        self._slow = False
        clock = threading.Timer(self._crew.seconds or 0, self._too_slow, [line.process])
        if self._crew.seconds:
            clock.start()
        try:
            send_unit(line.asked, unit)
            return receive_outcomes(line.told)
        except OSError as error:  # the process has closed its end of the pipe
            raise EOFError from error
        finally:
            clock.cancel()

    def end(self) -> str:
        """End the process, if there is one; return how it ended."""
        with self._lock:
            line, self._line = self._line, None
        if line is None:
            return "its worker never began"
        line.process.kill()
        code = line.process.wait()
        for pipe in (line.asked, line.told):
            with suppress(OSError):  # unsent data
                pipe.close()
        if self._slow:
            return f"it took more than {self._crew.seconds:g} seconds"
        return f"its worker was lost ({_how(code)})"

    def close(self) -> None:
        """End the process for good."""
        with self._lock:
            self._closed = True
        self.end()

    def _begun(self) -> None:
        with self._lock:
            if self._closed:
                raise ResourceError("the workers were sent home")
            line = self._line = _started()
        try:
            send(line.asked, {"build": self._crew.build, "recipe": dict(self._crew.recipe)})
            answer, _ = receive(line.told)
        except OSError as error:
            raise EOFError from error
        if "refused" in answer:
            raise InputError(answer["refused"], answer["hint"])

    def _too_slow(self, process: "subprocess.Popen[bytes]") -> None:
        self._slow = True
        process.kill()


def _started() -> Line:
    """Return a new single-threaded process with the same import path."""
    paths = os.pathsep.join(filter(None, sys.path))
    threads = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    process = subprocess.Popen(  # noqa: S603
        [sys.executable, "-c", START, str(os.getpid())], stdin=subprocess.PIPE,
        stdout=subprocess.PIPE, env={**os.environ, **threads, "PYTHONPATH": paths},
    )  # fmt: skip
    return Line(process, cast(BinaryIO, process.stdin), cast(BinaryIO, process.stdout))


def _how(code: int) -> str:
    try:
        return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
    except ValueError:
        return f"signal {-code}"
