"""Worker processes on this machine that pull units. Who is killed, or hangs, costs one unit.

The standard pool of processes is not used: one killed worker ends it, and all units with it.
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
"""How often a unit is tried that its worker does not survive."""
STARTS = 10
"""How often a worker is begun that does not even get ready."""
START = "import sys; from advkit.evaluate.worker import serve; serve(int(sys.argv[1]))"


class Crew(NamedTuple):
    """How a run does its units elsewhere.

    ``build`` (package.module:function) makes what does units out of ``recipe``, plain values that
    are sent to every worker. ``jobs`` are done at once, as many as there is room for if None. A
    unit may take ``seconds``, where that is not None. ``ray`` is the address of a cluster.
    """

    build: str
    recipe: Mapping[str, Any]
    jobs: int | None
    seconds: float | None = None
    ray: str | None = None


@contextmanager
def supervised(crew: Crew, knows: frozenset[str]) -> Iterator[Pool]:
    """Give a pool of ``crew.jobs`` processes (None: one per core) for attacks of these labels.

    They begin with the block, to be ready when what comes before the attacks is done, and end with
    it.
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
    """Return what ``worker`` makes of ``unit``, or that it was given up after so many workers.

    Raises ResourceError where no worker comes up at all.
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
    """One process; a new one where the last is gone, until it is closed."""

    def __init__(self, crew: Crew) -> None:
        self._crew = crew
        self._line: Line | None = None
        self._slow = self._closed = False
        self._lock = threading.Lock()

    def ready(self) -> None:
        """See to it that there is a process; raises InputError, ResourceError where none begins."""
        for _ in range(STARTS):
            try:
                if self._line is None:
                    self._begun()
                return
            except EOFError:
                why = self.end()
        raise ResourceError(f"no worker process starts: {why}", "give fewer: --jobs 1 needs none")

    def ask(self, unit: Unit) -> list[Outcome]:
        """Have a unit done; raises EOFError where the process is lost, or took too long."""
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
        except OSError as error:  # its end of the pipe is closed
            raise EOFError from error
        finally:
            clock.cancel()

    def end(self) -> str:
        """End the process, if there is one; return how it went."""
        with self._lock:
            line, self._line = self._line, None
        if line is None:
            return "its worker never began"
        line.process.kill()
        code = line.process.wait()
        for pipe in (line.asked, line.told):
            with suppress(OSError):  # what was still to be sent
                pipe.close()
        if self._slow:
            return f"it took more than {self._crew.seconds:g} seconds"
        return f"its worker was lost ({_how(code)})"

    def close(self) -> None:
        """End the process, and begin none any more."""
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
    """Return a new process of one thread; the modules that we can import, it can too."""
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
